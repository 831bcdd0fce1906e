"""An exclusive lock on a file, among the processes of a machine and the threads of each.

The kernel holds it (flock) and frees it when the process ends, however that happens. The file stays.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from filelock import Timeout, UnixFileLock

from gner_core.errors import InputError, Stopped

POLL_SECONDS = 0.1
IN_USE = "in-use"
"""A file in the scratch folder of a step that is locked while a worker trains there."""
AT_ONCE = Event()
"""As `given_up`: a lock that another holds is not waited for at all."""
AT_ONCE.set()
UNSUPPORTED = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)


@contextmanager
def file_lock(
    path: Path, *, given_up: Event | None = None, on_wait: Callable[[], object] = bool
) -> Iterator[None]:
    """Hold the lock of `path`, which is created with its folder; wait while another holds it.

    Args:
        given_up: once it is set, a lock that another holds is not waited for.
        on_wait: called once if another holds the lock.

    Raises:
        Stopped: when `given_up` was set while another held the lock.
        InputError: on a file system without such locks.
        RuntimeError: when this thread holds the lock already.
        OSError: when the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = UnixFileLock(path, poll_interval=POLL_SECONDS, fallback_to_soft=False)
    try:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            on_wait()
            lock.acquire(cancel_check=given_up.is_set if given_up else None)
    except Timeout:
        raise Stopped(f"{path.name}: held by another process, which was not waited for") from None
    except OSError as error:
        if error.errno in UNSUPPORTED:
            raise InputError(
                f"{path}: cannot be locked, since its file system has no flock "
                f"({error.strerror}); use a folder on another disk"
            ) from error
        raise
    try:
        yield
    finally:
        lock.release()
