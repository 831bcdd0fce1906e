"""The request of a fetch to a source, with its limits and reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gner_core.config.corpus import Pin

GIB = 1024**3


class Report(Protocol):
    """Receives what a fetch does; the command line shows it, a task logs it."""

    def note(self, line: str) -> None:
        """Receive an event: a retry, a source that failed, a wait for a lock."""

    def progress(self, file: str, done: int, total: int | None) -> None:
        """Receive the bytes of a file so far, and of how many (None: not known)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Timeouts, retries and sizes."""

    connect: float = 10.0
    """Seconds within which a connection must be made."""
    read: float = 30.0
    """Seconds without a single byte after which a connection counts as stalled."""
    attempts: int = 5
    """How often one URL is tried."""
    first_wait: float = 1.0
    """Seconds before the second attempt; each later wait is twice as long."""
    longest_wait: float = 60.0
    """Longest wait in seconds; a server that demands more (Retry-After) is given up."""
    redirects: int = 8
    """Redirects that are followed from one URL."""
    largest: int = 4 * GIB
    """Bytes that one file without pin, or all that is unpacked from one archive, may have."""
    ratio: int = 200
    """How many times its packed size an archive may unpack to; CoNLL text packs 4 to 10 times."""
    members: int = 200_000
    """Files and folders that one archive may list."""


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """The files that a source shall write, each to `folder / path`."""

    paths: tuple[str, ...]
    """As in the catalog's `files`; a folder ends with a slash."""
    pins: Mapping[str, Pin]
    folder: Path
    """Empty at the start; a file that the source leaves here is complete."""
    scratch: Path
    """Kept from run to run, for resuming."""
    limits: Limits
    report: Report
