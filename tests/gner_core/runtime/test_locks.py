"""A lock is held by one, and freed by the kernel however its holder ends."""

import errno
import fcntl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gner_core.errors import InputError, Stopped
from gner_core.runtime.locks import file_lock

HOLDER = """
import sys, time
from pathlib import Path
from gner_core.runtime.locks import file_lock
with file_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def held_by_another_process(path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_who_waits_is_told_once_and_gets_the_lock_of_a_killed_process(tmp_path: Path) -> None:
    path, told = tmp_path / "locks" / "one", []
    with held_by_another_process(path) as holder:
        timer = threading.Timer(0.5, holder.kill)
        timer.start()
        with file_lock(path, on_wait=lambda: told.append("waiting")):
            assert not timer.is_alive()
    assert told == ["waiting"]


def test_a_free_lock_is_not_waited_for_even_after_its_holder_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "one"
    with held_by_another_process(path):
        pass
    given_up = threading.Event()
    given_up.set()
    with file_lock(path, given_up=given_up, on_wait=lambda: pytest.fail("waited")):
        pass


def test_who_gives_up_does_not_wait(tmp_path: Path) -> None:
    path, given_up = tmp_path / "one", threading.Event()
    with held_by_another_process(path):
        threading.Timer(0.2, given_up.set).start()
        started = time.monotonic()
        with (
            pytest.raises(Stopped, match="one: held by another process"),
            file_lock(path, given_up=given_up),
        ):
            pass
    assert time.monotonic() - started < 2


def test_a_second_lock_in_the_same_thread_is_an_error_and_no_standstill(tmp_path: Path) -> None:
    with file_lock(tmp_path / "one"), pytest.raises(RuntimeError, match="Deadlock"):
        file_lock(tmp_path / "one").__enter__()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_a_file_system_without_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(*_: object) -> None:
        raise OSError(number, "not here")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(InputError, match=r"one: cannot be locked.*not here.*another disk"):
        file_lock(tmp_path / "one").__enter__()
