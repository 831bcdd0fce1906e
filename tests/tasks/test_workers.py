"""Child processes: results, faults, crashes, and that none outlives its starter."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from gner_core.errors import InputError, Stopped
from gner_core.runtime.priority import session_nice, take_priority
from tasks.workers import TimeLeft, Workers, started_ahead

MODULE = "tests.tasks.toy_worker"


@pytest.fixture(scope="module", autouse=True)
def no_imports() -> Iterator[None]:
    """The worker of these tests needs no torch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.workers.PRELOADED", ())
        yield


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers() as started:
        yield started


def test_the_time_left_follows_the_share_of_the_work() -> None:
    """Half of the sentences, the short ones, are a tenth of the work and took a minute."""
    left = TimeLeft()
    begun = {"done": 0, "total": 100, "metrics": {}}
    assert left({**begun, "time": 1000.0, "share": 0.0}) == ""
    assert left({**begun, "done": 50, "time": 1060.0, "share": 0.1}) == "0:09:00 left"
    assert left({**begun, "done": 100, "time": 1600.0, "share": 1.0}) == "0:00:00 left"


def test_what_an_earlier_attempt_did_took_this_one_no_time() -> None:
    left = TimeLeft()
    assert left({"time": 0.0, "share": 0.5}) == ""
    assert left({"time": 10.0, "share": 0.75}) == "0:00:10 left"


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


def test_a_crash_on_a_full_disk_is_told_as_that(
    workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4096))
    with pytest.raises(InputError, match="the disk is full; free some of it"):
        workers.run(MODULE, request(tmp_path, "crash"), on_event=print)


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
        monkeypatch.setattr("gner_core.runtime.priority.AUTOGROUP", place)
        assert session_nice() is None


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ([BlockingIOError(), BlockingIOError()], ""),
        ([BlockingIOError("busy")] * 9, "GNER_NICE=19 counts only in part: busy"),
        ([PermissionError("not allowed")], "GNER_NICE=19 counts only in part: not allowed"),
    ],
)
def test_a_session_that_takes_no_priority_is_reported_after_some_tries(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    faults: list[OSError],
    said: str,
) -> None:
    left = iter(faults)

    class Autogroup:
        def exists(self) -> bool:
            return True

        def read_text(self) -> str:
            return "/autogroup-7 nice 0"

        def write_text(self, text: str) -> None:
            for fault in left:
                raise fault

    monkeypatch.setenv("GNER_NICE", "19")
    monkeypatch.setattr("gner_core.runtime.priority.AUTOGROUP", Autogroup())
    monkeypatch.setattr("os.setpriority", lambda *_: None)
    monkeypatch.setattr("os.getsid", lambda _: os.getpid())
    take_priority()
    assert caplog.messages == ([said] if said else [])


@pytest.mark.parametrize("given", ["20", "-5", "high", ""])
def test_a_wrong_priority_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GNER_NICE", given)
    with pytest.raises(InputError, match=f"GNER_NICE={given}: must be a whole number"):
        take_priority()


@pytest.fixture
def preload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let the fork servers of a test import nothing but the given code."""

    def write(code: str) -> None:
        (tmp_path / "preloaded_by_a_test.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
        monkeypatch.setattr("tasks.workers.PRELOADED", ["preloaded_by_a_test"])

    return write


def test_what_a_library_prints_in_the_fork_server_is_no_answer(
    preload: Callable[[str], None], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    preload("print('a library is deprecated')")
    with Workers() as started, stopped_after(started, seconds=30):
        result = started.run(MODULE, request(tmp_path, "work"), on_event=lambda event: None)
    assert result["answer"] == 42
    assert capfd.readouterr().err == "a library is deprecated\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os, sys; os.write(int(sys.argv[1]), b'no answer\\n')", "cannot be read: JSONDec"),
        ("import os, sys; os.close(int(sys.argv[1]))", "ended with code"),
        ("import no_such_module", "ended with code 1"),
    ],
)
def test_a_fork_server_that_gives_no_answers_fails_the_run(
    preload: Callable[[str], None], tmp_path: Path, code: str, message: str
) -> None:
    preload(code)
    with Workers() as started, stopped_after(started, seconds=30):
        with pytest.raises(RuntimeError, match=f"the fork server .*{message}"):
            started.run(MODULE, request(tmp_path, "hang"), on_event=lambda event: None)
        preload("")
        assert started.run(MODULE, request(tmp_path, "work"), on_event=lambda event: None)["ok"]


def test_a_fork_server_that_still_imports_ends_at_sigterm(
    preload: Callable[[str], None], tmp_path: Path
) -> None:
    imports = tmp_path / "imports"
    preload(f"import pathlib, time; pathlib.Path({str(imports)!r}).touch(); time.sleep(60)")
    before = psutil.Process().children()
    with Workers() as started:
        started.start_server()
        (server,) = (child for child in psutil.Process().children() if child not in before)
        deadline = time.monotonic() + 30
        while not imports.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        server.terminate()
        assert psutil.wait_procs([server], timeout=5)[1] == []


@contextmanager
def stopped_after(workers: Workers, *, seconds: float) -> Iterator[None]:
    """A run that waits for ever fails its test."""
    timer = threading.Timer(seconds, workers.stop)
    timer.start()
    yield
    timer.cancel()


def test_closing_ends_running_workers(tmp_path: Path) -> None:
    before = psutil.Process().children(recursive=True)
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
    children = [c for c in psutil.Process().children(recursive=True) if c not in before]
    with started:
        pass
    thread.join(15)
    assert "was stopped" in str(failed[0])
    assert len(children) == 2  # the fork server and its worker
    assert psutil.wait_procs(children, timeout=5)[1] == []


def test_a_worker_that_does_not_end_is_killed_after_the_grace_period(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNER_GRACE_SECONDS", "1.5")
    told: list[float] = []
    with Workers() as started:

        def stop(event: dict[str, Any]) -> None:
            if event["done"] == 1:
                told.append(time.monotonic())
                started.stop()

        with pytest.raises(Stopped):
            started.run(MODULE, request(tmp_path, "ignore SIGTERM"), on_event=stop)
    assert 1.5 <= time.monotonic() - told[0] < 15


def test_a_wrong_grace_period_is_refused_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNER_GRACE_SECONDS", "soon")
    with Workers() as started, pytest.raises(InputError, match="GNER_GRACE_SECONDS=soon"):
        started.run(MODULE, request(tmp_path, "work"), on_event=lambda event: None)
    assert not (tmp_path / "worker.log").read_text()


@pytest.mark.parametrize("wanted", [True, False])
def test_a_fork_server_started_ahead_serves_the_first_who_wants_it_and_never_stays(
    wanted: bool,
) -> None:
    before = set(psutil.Process().children())
    with started_ahead():
        (ahead,) = set(psutil.Process().children()) - before
        if wanted:
            with Workers() as workers:
                workers.start_server()
                assert set(psutil.Process().children()) - before == {ahead}
                with Workers() as others:
                    others.start_server()
                    assert len(set(psutil.Process().children()) - before) == 2
    assert not ahead.is_running()
