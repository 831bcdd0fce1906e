"""The processes of a disturbed run: found by a mark in their environment, known by their role.

What a run starts inherits the mark, whoever its parent is in the end: so nothing can hide.

Example:
    roles("7-ab12")   # {"flow": [4711], "fork-server": [4720], "worker": [4733]}
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

MARK = "GNER_CHAOS"
FORK_SERVER, LAUNCHER, RANK, FLOW = (
    "gner_core.runtime.fork_server",
    "torch.distributed.run",
    "gner_core.training.worker",
    ("flows.running.deployment_process", "flows"),
)
POLL_SECONDS = 0.1


def marked(mark: str) -> list[psutil.Process]:
    """All processes that live and carry the mark; a zombie has no environment any more."""
    found, wanted = [], f"{MARK}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, psutil.Error):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(psutil.Process(int(folder.name)))
    return found


def roles(mark: str) -> dict[str, list[psutil.Process]]:
    """The marked processes by what they do: flow, fork-server, worker, launcher, rank."""
    found: dict[str, list[psutil.Process]] = {}
    for process in marked(mark):
        with suppress(psutil.Error):
            found.setdefault(_role(process), []).append(process)
    return found


def _role(process: psutil.Process) -> str:
    words = process.cmdline()
    if FORK_SERVER in words:  # a worker is a fork of the server, with the same command line
        parent = process.parent()
        return "worker" if parent and FORK_SERVER in parent.cmdline() else "fork-server"
    if LAUNCHER in words:
        return "launcher"
    if RANK in words:
        return "rank"
    return "flow" if any(word in FLOW for word in words) else "other"


def gone_after(mark: str, *, seconds: float) -> float | None:
    """Wait until no marked process is left; the seconds that took, None where some stay."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if not marked(mark):
            return time.monotonic() - began
        time.sleep(POLL_SECONDS)
    return None


class Lifetimes:
    """When each role was first and last seen in a run: from it, moments to kill are drawn."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.seen: dict[str, tuple[float, float]] = {}

    def look(self, found: Mapping[str, Sequence[psutil.Process]]) -> None:
        """Take notice of what runs now."""
        now = time.monotonic() - self.began
        for role in found:
            first, _ = self.seen.get(role, (now, now))
            self.seen[role] = (first, now)

    def spans(self) -> dict[str, float]:
        """The seconds that each role was there."""
        return {role: last - first for role, (first, last) in self.seen.items()}
