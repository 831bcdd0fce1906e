"""What MLflow knows of runs and of the scores of checkpoints, for people and programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tasks.tracking.server import TrackingStore
from tasks.tracking.tracker import CHECKPOINT, KIND

if TYPE_CHECKING:
    from mlflow.entities import Run

F1 = "/f1"
TEST = " test"
"""Ends the name of the run of an evaluation, after the title of the test."""


@dataclass(frozen=True)
class TrackedRun:
    """A run of an experiment, of a sweep, or of one point of a sweep."""

    name: str
    """With what differs from the file."""
    differs: str
    """The values that `--set` changed."""
    status: str
    started: str
    """ISO time, UTC."""
    scores: Mapping[str, float]
    """Test → mean F1, 0 to 1."""
    report: str
    """The step of its report, such as `report/KEY`; empty where there is none."""
    checkpoints: Mapping[str, str]
    """Training stage → its step, such as `train/KEY`."""
    command: str
    failure: str
    """Why it failed; empty if it did not."""


def tracked_runs(mlflow: TrackingStore) -> list[TrackedRun]:
    """Return the runs, the latest first."""
    found = [run for kind in ("flow", "point") for run in mlflow.runs(f"tags.`{KIND}` = '{kind}'")]
    found.sort(key=lambda run: run.info.start_time, reverse=True)
    return [_tracked(run) for run in found]


def scores_of_checkpoints(mlflow: TrackingStore) -> dict[str, dict[str, float]]:
    """Return the mean F1 by test of each tested checkpoint, such as `train/KEY`; the latest count."""
    found: dict[str, dict[str, float]] = {}
    for run in mlflow.runs(f"tags.`{KIND}` = 'evaluation'"):
        tested, f1 = run.data.tags.get(CHECKPOINT), run.data.metrics.get("mean/f1")
        if tested and f1 is not None:
            test = run.info.run_name.removesuffix(TEST)
            found.setdefault(tested, {}).setdefault(test, f1)
    return found


def _tracked(run: "Run") -> TrackedRun:
    tags, metrics = run.data.tags, run.data.metrics
    stages = f"{CHECKPOINT}."
    report = tags.get("gner.report")
    return TrackedRun(
        name=run.info.run_name,
        differs=tags.get("gner.set", ""),
        status=run.info.status,
        started=datetime.fromtimestamp(run.info.start_time / 1000, UTC).isoformat("T", "seconds"),
        scores={
            name.removesuffix(F1): value
            for name, value in sorted(metrics.items())
            if name.endswith(F1) and name.count("/") == 1
        },
        report=f"report/{report}" if report else "",
        checkpoints={n.removeprefix(stages): v for n, v in tags.items() if n.startswith(stages)},
        command=tags.get("gner.command", ""),
        failure=tags.get("gner.failed", ""),
    )
