"""Child processes: results, faults, crashes, and that none outlives its starter."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from gner_core.errors import InputError, Stopped
from gner_core.priority import session_nice, take_priority
from tasks.launch import Workers

MODULE = "tests.tasks.toy_worker"


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers() as started:
        yield started


def request(place: Path, act: str) -> dict[str, Any]:
    return {"output": str(place), "scratch": str(place), "threads": None, "act": act}


def test_a_result_and_all_events_arrive(workers: Workers, tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    result = workers.run(MODULE, request(tmp_path, "work"), on_event=events.append)
    assert result == {"ok": True, "answer": 42}
    assert [(e["done"], e["total"], e["metrics"]["loss"]) for e in events] == [
        (0, 2, 1.5),
        (2, 2, 0.5),
    ]


def test_a_fault_of_the_input_keeps_its_message(workers: Workers, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^line 3 is wrong$"):
        workers.run(MODULE, request(tmp_path, "refuse"), on_event=lambda event: None)


@pytest.mark.parametrize(("act", "message"), [("crash", "code 1.*toy crash"), ("die", "code -9")])
def test_a_crash_shows_code_and_end_of_the_log(
    workers: Workers, tmp_path: Path, act: str, message: str
) -> None:
    with pytest.raises(RuntimeError, match=f"(?s){message}"):
        workers.run(MODULE, request(tmp_path, act), on_event=lambda event: None)


def test_work_that_can_wait_has_a_low_priority_in_sessions_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = os.getpriority(os.PRIO_PROCESS, 0), session_nice()
    monkeypatch.setenv("GNER_NICE", "19")
    with Workers() as started:
        result = started.run(MODULE, request(tmp_path, "priority"), on_event=lambda event: None)
    assert result["process"] == 19
    assert result["session"] in {19, None}
    assert (os.getpriority(os.PRIO_PROCESS, 0), session_nice()) == here


def test_a_session_in_no_autogroup_has_no_nice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "autogroup"
    empty.touch()
    for place in (empty, tmp_path / "missing"):
        monkeypatch.setattr("gner_core.priority.AUTOGROUP", place)
        assert session_nice() is None


@pytest.mark.parametrize("asked", ["20", "-5", "high", ""])
def test_a_wrong_priority_is_refused(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GNER_NICE", asked)
    with pytest.raises(InputError, match=f"GNER_NICE={asked}: must be a whole number"):
        take_priority()


def test_closing_ends_running_workers(tmp_path: Path) -> None:
    started = Workers()
    begun = threading.Event()
    failed: list[Stopped] = []

    def call() -> None:
        try:
            started.run(MODULE, request(tmp_path, "hang"), on_event=lambda event: begun.set())
        except Stopped as error:
            failed.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert begun.wait(60)
    children = psutil.Process().children(recursive=True)
    with started:
        pass
    thread.join(15)
    assert "was stopped" in str(failed[0])
    deadline = time.monotonic() + 5
    while any(child.is_running() for child in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    hung = [c for c in children if c.is_running() and "gner_core.warm" in " ".join(c.cmdline())]
    assert len(hung) <= 1  # the module's own warm parent


AHEAD = """
import os, psutil, sys
from tasks.launch import Workers, start_ahead
start_ahead()
(ahead,) = psutil.Process().children()
if sys.argv[1] == "wanted":
    with Workers() as workers:
        workers.warm_up()
        assert psutil.Process().children() == [ahead]
        with Workers() as others:
            others.warm_up()
            assert len(psutil.Process().children()) == 2
print(ahead.pid)
"""


@pytest.mark.parametrize("it_is", ["wanted", "unwanted"])
def test_a_parent_started_ahead_serves_the_first_who_wants_it_and_never_stays(it_is: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AHEAD, it_is], capture_output=True, text=True, check=True, timeout=60
    )
    deadline = time.monotonic() + 5
    while psutil.pid_exists(int(done.stdout)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
