"""What is asked of a source: which files, into which folder, with how much patience.

Example:
    >>> Limits(attempts=2).first_wait
    1.0
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gner_core.config.corpus import Pin

GIB = 1024**3


class Report(Protocol):
    """Where a fetch says what it does; the command line shows it, a task logs it."""

    def note(self, line: str) -> None:
        """Say one thing that happened: a retry, a source that failed, a wait for a lock."""

    def progress(self, file: str, done: int, total: int | None) -> None:
        """Say how many bytes of a file are there, and of how many (None: not known)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait and how much to take. Nothing here changes the bytes that are trusted."""

    connect: float = 10.0
    """Seconds until a connection must stand."""
    read: float = 30.0
    """Seconds without a single byte after which a connection counts as stalled."""
    attempts: int = 5
    """How often one URL is tried."""
    first_wait: float = 1.0
    """Seconds before the second attempt; each further wait is twice as long."""
    longest_wait: float = 60.0
    """Longest wait in seconds; a server that asks for more (Retry-After) is given up."""
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
    """Empty at the start; what is found here at its paths afterwards is taken for whole."""
    scratch: Path
    """Kept from run to run, so that a source may go on where it stopped."""
    limits: Limits
    report: Report
