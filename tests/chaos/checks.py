"""What must be true of a home folder and of MLflow once a disturbed run has ended.

Example:
    reference = Outcome.of(home, client)      # after an undisturbed run
    problems = reference.differences(Outcome.of(other, client)) + leftovers(other)
"""

import fcntl
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from gner_core.store.fingerprint import file_sha256

CONTENT = ("model.safetensors", "metrics.jsonl", "predictions.parquet", "scores.json")
"""Files of artifacts that must be equal, byte by byte; others hold times."""
OF_THE_ATTEMPT = ("cost/",)
"""Metrics that a run with more attempts rightly has other values, and numbers, of."""
TIMED = ("seconds_left", "tokens_per_second", "label_tokens_per_second", "memory_gb")
"""Metrics whose values differ from run to run; each point must be there once all the same."""

Points = dict[tuple[str, str, int], float]


@dataclass(frozen=True)
class Outcome:
    """What a run has left in the store and in MLflow."""

    files: dict[str, str]
    """SHA-256 by step, title and name."""
    points: Points
    """Of the complete runs and of the last flow run, by run, metric and step."""
    doubled: list[str]
    statuses: dict[str, int]

    @classmethod
    def of(cls, home: Path, client: MlflowClient) -> "Outcome":
        """Read it."""
        files = {}
        for place in sorted(home.glob("store/*/*/manifest.json")):
            manifest = json.loads(place.read_text())
            for name in CONTENT:
                if name in manifest["files"]:
                    told = f"{manifest['step']} {manifest['title']} {name}"
                    files[told] = manifest["files"][name]["sha256"]
        runs = tracked(client)
        flows = [run for run in runs if run.data.tags["gner.kind"] == "flow"]
        last = max(flows, key=lambda run: run.info.start_time)
        complete = [run for run in runs if run.data.tags.get("gner.complete") == "yes"]
        points: Points = {}
        doubled = []
        for run in (last, *complete):
            name = run.info.run_name
            if (run is not last) and any(p[0] == name for p in points):
                doubled.append(f"two complete runs {name}")
            for metric in run.data.metrics:
                history = client.get_metric_history(run.info.run_id, metric)
                steps = Counter(point.step for point in history)
                doubled += [f"{name} {metric} step {s}" for s, n in steps.items() if n > 1]
                points |= {(name, metric, point.step): point.value for point in history}
        return cls(files, points, doubled, dict(Counter(run.info.status for run in runs)))

    def differences(self, other: "Outcome") -> list[str]:
        """What the other one has lost, doubled, or has with another value, in words."""
        said = [f"doubled: {what}" for what in other.doubled]
        if "RUNNING" in other.statuses:
            said.append(f"MLflow runs are RUNNING: {other.statuses['RUNNING']}")
        names = sorted({*self.files, *other.files})
        said += [f"another {n}" for n in names if self.files.get(n) != other.files.get(n)]
        mine, theirs = (_comparable(outcome.points) for outcome in (self, other))
        said += [f"lost: {point}" for point in sorted(mine.keys() - theirs.keys())]
        said += [f"too much: {point}" for point in sorted(theirs.keys() - mine.keys())]
        for point in sorted(mine.keys() & theirs.keys()):
            if point[1] not in TIMED and mine[point] != theirs[point]:
                said.append(f"{point}: {theirs[point]} where {mine[point]} was")
        return said


def tracked(client: MlflowClient) -> list[Any]:
    """All runs of gner's experiment."""
    experiment = client.get_experiment_by_name("gner")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id], max_results=1000))


def leftovers(home: Path) -> list[str]:
    """Half artifacts, damaged files, staging, unfinished work and locks that are held, in words."""
    said = []
    for folder in home.glob("store/*/*"):
        if folder.parent.name == ".staging":
            said.append(f"left in staging: {folder.name}")
            continue
        if not (folder / "manifest.json").exists():
            said.append(f"half an artifact: {folder}")
            continue
        for name, entry in json.loads((folder / "manifest.json").read_text())["files"].items():
            if file_sha256(folder / name) != entry["sha256"]:
                said.append(f"damaged: {folder / name}")
    for lock in home.glob("work/locks/*"):
        with lock.open() as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                said.append(f"held: {lock.name}")
    said += [f"unfinished: {folder}" for folder in home.glob("work/unfinished/*/*")]
    return said


def _comparable(points: Points) -> Points:
    return {key: value for key, value in points.items() if not key[1].startswith(OF_THE_ATTEMPT)}
