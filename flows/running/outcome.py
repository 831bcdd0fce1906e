"""What a run of an experiment, of a sweep or of a study leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What an experiment leaves."""

    report: Path
    scores: Mapping[str, Mapping[str, Any]]
    """By test."""
    tracking_uri: str
    links: Mapping[str, str]
    """Addresses in MLflow by title; empty without a server."""


class PointsFailedError(RuntimeError):
    """Some points failed; the others are done. The message names each with its cause."""


@dataclass
class PointsOutcome:
    """What a sweep or a study leaves; filled while its points run."""

    name: str
    points: int
    failures: dict[str, str]
    """Label of a point → why it failed, on one line."""
    pages: dict[str, Path] = field(default_factory=dict)
    """Name of a sweep, or of an experiment that belongs to none → its page."""
    tables: dict[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)
    """Name of a sweep → its rows as texts by column."""
    tracking_uri: str = ""
    links: Mapping[str, str] = field(default_factory=dict)
    """Addresses in MLflow by title; empty without a server."""
