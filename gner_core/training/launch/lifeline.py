"""No process of a training outlives the one that started it, however that one ends.

The supervisor of a training holds a lock on a file; every rank waits for that lock in a thread.
The kernel frees it when the supervisor ends, also by SIGKILL, and the rank that gets it knows that
nobody waits for its work any more. On several machines the file must be on a shared file system.

What a supervisor does stands in `training.launching`.
"""

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIFELINE = "lifeline"
STOP = "stop"
"""A file of this name in the scratch folder asks all ranks for a checkpoint and an early end."""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock; children of this process do not inherit it."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def end_with(path: Path) -> None:
    """End this process, with its children, as soon as the holder of the lock has gone."""
    threading.Thread(target=_wait, args=(path,), daemon=True).start()


def _wait(path: Path) -> None:
    with path.open() as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        os.kill(os.getpid(), signal.SIGKILL)
