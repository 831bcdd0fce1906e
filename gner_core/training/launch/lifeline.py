"""Ends the ranks of a training with the process that started them, however that ends.

The supervisor of a training holds a lock on a file, and every rank waits for that lock in a thread.
When the supervisor ends, even by SIGKILL, the kernel frees the lock, and a rank that gets it ends.
On several machines the file must be on a shared file system.
"""

import fcntl
import os
import signal
import threading
from pathlib import Path

LIFELINE = "lifeline"
STOP = "stop"
"""A file of this name in the scratch folder makes all ranks write a checkpoint and end."""


def end_with(path: Path) -> None:
    """End this process as soon as the holder of the lock on `path` has ended."""
    threading.Thread(target=_wait, args=(path,), daemon=True).start()


def _wait(path: Path) -> None:
    with path.open() as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        os.kill(os.getpid(), signal.SIGKILL)
