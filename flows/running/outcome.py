"""What a run of an experiment, of a sweep or of a study leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gner_core.store.artifacts import ArtifactRef

CAUSE_CHARACTERS = 300


@dataclass(frozen=True)
class Outcome:
    """What an experiment leaves."""

    report: Path
    scores: Mapping[str, Mapping[str, Any]]
    """By test."""
    checkpoints: Mapping[str, ArtifactRef]
    """By training stage."""
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


def cause_of(error: BaseException) -> str:
    """Return the first and the last line of an error's message as one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = lines or [type(error).__name__]
    return " … ".join(dict.fromkeys((lines[0], lines[-1])))[:CAUSE_CHARACTERS]
