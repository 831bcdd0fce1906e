"""What a run of an experiment, of a sweep or of a study leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: where its report is, its scores by evaluation, where it is tracked."""

    report: Path
    scores: Mapping[str, Mapping[str, Any]]
    tracking_uri: str
    links: Mapping[str, str]
    """Addresses in MLflow by title; empty without a server."""


class PointsFailedError(RuntimeError):
    """Some points failed; the others are done. The message names each with its cause."""


@dataclass(frozen=True)
class PointsOutcome:
    """What a sweep or a study leaves."""

    name: str
    points: int
    failures: Mapping[str, str]
    """Label of a point → why it failed, on one line."""
    pages: Mapping[str, Path]
    """Name of a sweep, or of an experiment that belongs to none → its page."""
    tables: Mapping[str, Sequence[Mapping[str, str]]]
    """Name of a sweep → its rows as texts by column."""
    tracking_uri: str
    links: Mapping[str, str]
    """Addresses in MLflow by title; empty without a server."""
