"""What MLflow knows of runs and of the scores of checkpoints, for people and programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from tasks.tracking.mlflow_run import FAILED
from tasks.tracking.records import Records, RunRecord
from tasks.tracking.tracker import CHECKPOINT

F1 = "/f1"
TEST = " test"
"""Ends the name of the run of an evaluation, after the title of the test."""
RUNS = ("flow", "point")
"""Kinds of the runs that are listed."""


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


def tracked_runs(records: Records) -> list[TrackedRun]:
    """Return the runs, the latest first."""
    found = [run for kind in RUNS for run in records.runs(kind)]
    found.sort(key=lambda run: run.start_time, reverse=True)
    return [_tracked(run) for run in found]


def checkpoint_of_run(name: str, records: Records) -> str | None:
    """Return the last checkpoint, as `train/KEY`, of the latest run of a name that has one.

    Args:
        name: of a run, or `RUN/STAGE` for the checkpoint of one of its training stages.
    """
    run, _, stage = name.rpartition("/")
    for title, tag in ((name, CHECKPOINT), (run, f"{CHECKPOINT}.{stage}")):
        found = [one for kind in RUNS for one in records.runs(kind) if one.name == title]
        tagged = [one for one in found if title and one.tags.get(tag)]
        if tagged:
            return max(tagged, key=lambda one: one.start_time).tags[tag]
    return None


def scores_of_checkpoints(records: Records) -> dict[str, dict[str, float]]:
    """Return the mean F1 by test of each tested checkpoint, such as `train/KEY`; the latest count."""
    found: dict[str, dict[str, float]] = {}
    for run in records.runs("evaluation"):
        tested, f1 = run.tags.get(CHECKPOINT), run.metrics.get("mean/f1")
        if tested and f1 is not None:
            found.setdefault(tested, {}).setdefault(run.name.removesuffix(TEST), f1)
    return found


def _tracked(run: RunRecord) -> TrackedRun:
    stages = f"{CHECKPOINT}."
    report = run.tags.get("gner.report")
    return TrackedRun(
        name=run.name,
        differs=run.tags.get("gner.set", ""),
        status=run.status,
        started=datetime.fromtimestamp(run.start_time / 1000, UTC).isoformat("T", "seconds"),
        scores={
            name.removesuffix(F1): value
            for name, value in sorted(run.metrics.items())
            if name.endswith(F1) and name.count("/") == 1
        },
        report=f"report/{report}" if report else "",
        checkpoints={
            name.removeprefix(stages): step
            for name, step in run.tags.items()
            if name.startswith(stages)
        },
        command=run.tags.get("gner.command", ""),
        failure=run.tags.get(FAILED, ""),
    )
