"""Whoever of a training's processes is killed: all of them end, and then its GPUs are free.

With GPUs that nvidia-smi only pretends, so that it trains on the CPU:

    pytest -m slow tests/gner_core/training/launch/test_gpu_locks.py
"""

import fcntl
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.fake_gpus import UUIDS, pretend
from tests.gner_core.conftest import TinyModel
from tests.gner_core.training.conftest import Ask

TORCHRUN = {"kind": "torchrun", "processes": 2}
DEEPSPEED = {"kind": "deepspeed", "processes": 2, "config": "params/deepspeed/zero2.json"}
PLAIN = {"kind": "plain"}
FREE_SECONDS = 15.0


def in_use(locks: Path, uuid: str) -> bool:
    """Whether a process has the GPU, seen as one sees it who wants it."""
    with (locks / f"{uuid}.lock").open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def until(seen: Callable[[], Any], *, seconds: float) -> float:
    """Wait for something; return the seconds it took."""
    started = time.monotonic()
    while not seen():
        assert time.monotonic() - started < seconds
        time.sleep(0.05)
    return time.monotonic() - started


def named(family: list[psutil.Process], word: str) -> list[psutil.Process]:
    return [process for process in family if word in " ".join(process.cmdline())]


def victim_of(name: str, flow: psutil.Process) -> psutil.Process:
    (server,) = flow.children()
    (worker,) = server.children()
    if name in ("launcher", "rank"):
        (launcher,) = worker.children()
        return launcher if name == "launcher" else launcher.children()[1]
    return {"flow": flow, "server": server, "worker": worker}[name]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "name", "number"),
    [
        (PLAIN, "flow", signal.SIGKILL),
        (PLAIN, "server", signal.SIGKILL),
        (PLAIN, "worker", signal.SIGKILL),
        (TORCHRUN, "flow", signal.SIGKILL),
        (TORCHRUN, "flow", signal.SIGTERM),
        (TORCHRUN, "flow", signal.SIGINT),
        (TORCHRUN, "server", signal.SIGKILL),
        (TORCHRUN, "worker", signal.SIGKILL),
        (TORCHRUN, "launcher", signal.SIGKILL),
        (TORCHRUN, "rank", signal.SIGKILL),
        (DEEPSPEED, "flow", signal.SIGKILL),
        (DEEPSPEED, "launcher", signal.SIGTERM),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else getattr(value, "name", value),
)
def test_a_kill_leaves_no_process_and_frees_the_gpus(
    tiny_llama: TinyModel,
    ask: Ask,
    tmp_path: Path,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    launcher: dict[str, Any],
    name: str,
    number: signal.Signals,
) -> None:
    pretend(2, tmp_path, monkeypatch)
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    locks, gpus = tmp_path / "locks", UUIDS[: launcher.get("processes", 1)]
    asked = ask(tiny_llama, train={"epochs": 3000}, launcher=launcher, checkpoint_every=9999)
    (tmp_path / "asked.json").write_text(asked.model_dump_json())
    command = [sys.executable, "-m", "tests.gner_core.training.launch.flow_process"]
    with (tmp_path / "log").open("wb") as log:
        flow = subprocess.Popen(
            [*command, str(tmp_path / "asked.json")], cwd=root, stdout=log, stderr=log
        )
    family: list[psutil.Process] = []
    try:
        progress = tmp_path / "scratch" / "progress.jsonl"
        until(lambda: progress.exists() and b'"loss"' in progress.read_bytes(), seconds=120)
        assert all(in_use(locks, gpu) for gpu in gpus)
        watched = psutil.Process(flow.pid)
        family = [watched, *watched.children(recursive=True)]
        victim_of(name, watched).send_signal(number)
        seconds = until(lambda: not any(in_use(locks, gpu) for gpu in gpus), seconds=FREE_SECONDS)
        flow.wait(FREE_SECONDS)
        _, alive = psutil.wait_procs(family, timeout=FREE_SECONDS)
        assert alive == []
    finally:
        for process in family:
            if process.is_running():
                process.kill()
        flow.kill()
        flow.wait()
    print(f"{launcher['kind']}, {number.name} to {name}: GPUs free after {seconds:.1f} s")
