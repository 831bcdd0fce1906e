"""The experiments of a file with their plans: one of an experiment, many of a sweep or a study.

Owns planning all of them before any runs, and which of them use a step. A step is the same for two
points where its key is the same. Does not own running them (`flows.points`).

Example:
    found = read_runnable(Path("params/sweeps/beam-size.yaml"), overrides=[])
    for label, experiment, plan in planned_points(found):
        print(label, experiment.name, sum(1 for _ in plan.steps()))
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from gner_core.params import Experiment
from gner_core.store import ArtifactRef
from gner_core.sweep_file import Runnable, Sweep
from tasks.plan import Plan, plan_experiment
from tasks.steps import Step


class PlannedPoint(NamedTuple):
    """An experiment of a file with its plan."""

    label: str
    """For people: what it is in its sweep or study; empty where the file is one experiment."""
    experiment: Experiment
    plan: Plan


def planned_points(found: Runnable) -> list[PlannedPoint]:
    """Return every experiment of what was read with its plan.

    Raises:
        InputError: as `plan_experiment`.
    """
    return [
        PlannedPoint(label, experiment, plan_experiment(experiment))
        for label, experiment in labelled(found)
    ]


def labelled(found: Runnable) -> list[tuple[str, Experiment]]:
    """Return the experiments of what was read, each with a label that no other has."""
    if isinstance(found, Experiment):
        return [("", found)]
    if isinstance(found, Sweep):
        return [(point.label, point.experiment) for point in found.points]
    return [
        (" / ".join(filter(None, (part.name, label))), experiment)
        for part in found.parts
        for label, experiment in labelled(part)
    ]


@dataclass(frozen=True)
class SharedStep:
    """A step with the labels of the points that use it."""

    step: Step
    experiment: Experiment
    """Of the first of them: how the step is run where they differ."""
    users: list[str] = field(default_factory=list)


def shared_steps(points: Iterable[PlannedPoint]) -> dict[ArtifactRef, SharedStep]:
    """Return every step of all points once, each behind its inputs."""
    steps: dict[ArtifactRef, SharedStep] = {}
    for point in points:
        for step in point.plan.steps():
            steps.setdefault(step.ref, SharedStep(step, point.experiment)).users.append(point.label)
    return steps
