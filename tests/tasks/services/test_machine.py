"""The end of services, with processes that play a Prefect worker and the flow that it has started."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tasks.services.machine import MARK, RECORD, Running, Services, marked
from tasks.services.settings import Settings

SAVING = """
import pathlib, signal, sys, time

def save(*_):
    time.sleep({seconds})
    pathlib.Path({saved!r}).touch()
    sys.exit()

signal.signal(signal.SIGTERM, save)
pathlib.Path({name!r}).touch()
time.sleep(600)
"""
Run = Callable[[float], Services]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Have a worker run, and a flow whose training needs so many seconds to save its state."""
    started: list[subprocess.Popen[bytes]] = []

    def play(name: str, seconds: float) -> "subprocess.Popen[bytes]":
        code = SAVING.format(name=name, saved=f"{name}-saved", seconds=seconds)
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, MARK: str(tmp_path)},
            start_new_session=True,
        )
        started.append(process)
        deadline = time.monotonic() + 20
        while not (tmp_path / name).exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return process

    def both(seconds: float) -> Services:
        play("flow", seconds)
        pid = play("worker-cpu", 0).pid
        running = {"name": "worker-cpu", "pid": pid, "started": since(pid)}
        settings = asdict(Settings(str(tmp_path)))
        record = {"mark": str(tmp_path), "settings": settings, "running": {"worker-cpu": running}}
        (tmp_path / RECORD).write_text(json.dumps(record))
        return Services(tmp_path)

    yield both
    for process in started:
        process.kill()
        process.wait()


def since(pid: int) -> float:
    return float(psutil.Process(pid).create_time())


def test_runs_save_their_state_also_if_nobody_has_told_them(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNER_GRACE_SECONDS", "20")
    services, said = run(1), list[str]()
    assert services.down(say=said.append) == ["worker-cpu"]
    assert (tmp_path / "flow-saved").exists()
    assert any("runs have 20 s to save their state" in line for line in said)
    assert marked(str(tmp_path)) == []


@pytest.mark.parametrize(("now", "grace"), [(True, "300"), (False, "0.5")])
def test_runs_that_are_not_waited_for_lose_what_they_would_save(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: bool, grace: str
) -> None:
    monkeypatch.setenv("GNER_GRACE_SECONDS", grace)
    services, said = run(60), list[str]()
    begun = time.monotonic()
    assert services.down(say=said.append, now=now) == ["worker-cpu"]
    assert time.monotonic() - begun < 15
    assert marked(str(tmp_path)) == []
    lost = "runs are killed: what they did since their last checkpoint is lost"
    assert (lost in said) == now
    assert not (tmp_path / RECORD).exists()


def test_the_end_of_one_worker_leaves_the_runs_of_another(run: Run, tmp_path: Path) -> None:
    code = SAVING.format(name="other", saved="other-saved", seconds=0)
    starting = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {code!r}], start_new_session=True)\n"
        "time.sleep(600)"
    )
    services = run(0)
    worker = subprocess.Popen(
        [sys.executable, "-c", starting],
        cwd=tmp_path,
        env={**os.environ, MARK: str(tmp_path)},
        start_new_session=True,
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / "other").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    services.running["worker-gpu"] = Running("worker-gpu", worker.pid, since(worker.pid))
    try:
        services.end(["worker-cpu"], say=len, seconds=5)
        assert (tmp_path / "flow-saved").exists()
        assert services.alive() == ["worker-gpu"]
        assert not (tmp_path / "other-saved").exists()
    finally:
        services.down(say=len, now=True)
        worker.wait()
    assert marked(str(tmp_path)) == []


def test_servers_start_side_by_side_and_workers_after_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeping = [sys.executable, "-c", "import time; time.sleep(600)"], dict(os.environ)
    seen: list[set[str]] = []

    def answers(*_: object, **__: object) -> bool:
        seen.append({*json.loads((tmp_path / RECORD).read_text())["running"]})
        return True

    monkeypatch.setattr("tasks.services.machine.command_of", lambda *_, **__: sleeping)
    monkeypatch.setattr(
        "tasks.services.machine.own_store", lambda home: SimpleNamespace(experiment="")
    )
    monkeypatch.setattr("tasks.services.prefect.is_healthy", answers)
    monkeypatch.setattr("tasks.services.prefect.has_worker", answers)
    monkeypatch.setattr("tasks.services.prefect.set_up", lambda *_, **__: None)
    monkeypatch.setattr("tasks.services.prefect.cancel_runs", lambda *_: [])
    services = Services(tmp_path)
    try:
        services.up(Settings(str(tmp_path), prefect_port=0, mlflow_port=0), say=len)
    finally:
        services.down(say=len, now=True)
    assert seen == [
        {"prefect", "mlflow"},
        {"prefect", "mlflow"},
        {"prefect", "mlflow", "worker-cpu"},
    ]
