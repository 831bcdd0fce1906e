"""Names of processes that are unique for good, and whether such a process has died.

Process ids are used again; together with start, boot and namespace they name one process only.

Example:
    >>> has_died(this_process())
    False
"""

import os
import socket
from pathlib import Path

import psutil

PROC = Path("/proc")
UNKNOWN = "?"
"""Stands for what a system without /proc does not tell."""


def this_process() -> str:
    """Return the name of this process: host, boot, namespace, id and start, slashes between."""
    boot, space = _boot_and_namespace()
    pid = os.getpid()
    return f"{socket.gethostname()}/{boot}/{space}/{pid}/{_start_of(pid)}"


def has_died(name: str) -> bool:
    """Say whether a process has certainly ended; False where that cannot be seen from here.

    `name` is what `this_process` returned in it, or `UNKNOWN`.
    """
    if name == UNKNOWN:
        return False
    host, boot, space, pid, start = name.split("/")
    here = _boot_and_namespace()
    if host != socket.gethostname() or UNKNOWN in {boot, *here, start}:
        return False
    if boot != here[0]:
        return True
    return space == here[1] and _start_of(int(pid)) != start


def _boot_and_namespace() -> tuple[str, str]:
    """Return the ids of this boot and of this namespace of process ids."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        return boot, str((PROC / "self/ns/pid").stat().st_ino)
    except OSError:
        return UNKNOWN, UNKNOWN


def _start_of(pid: int) -> str | None:
    """Return when a living process started, in seconds since the boot; a zombie does not live.

    Seconds since the epoch would change when the clock is set.
    """
    try:
        process = psutil.Process(pid)
        if process.status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}:
            return None
        return f"{process.create_time() - psutil.boot_time():.2f}"
    except psutil.NoSuchProcess:
        return None
