"""The plans of a file: one of an experiment, many of a sweep or a study, and their shared steps.

All points are planned before any runs. A step is the same for two points where its key is the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gner_core.config.execution import ExecutionParams
from gner_core.config.experiment import Experiment
from gner_core.config.reading.sweeps import Runnable, Study, Sweep, SweepPoint
from gner_core.config.systems.gner import GnerSystem
from gner_core.costs.estimate import StepCost
from gner_core.store.artifacts import ArtifactRef, Store
from tasks.plans.experiment import Plan, plan_experiment
from tasks.steps.models import Generate
from tasks.steps.results import SweepReport, SweepRow
from tasks.steps.step import Step


class PlannedPoint(NamedTuple):
    """An experiment of a file with its plan."""

    label: str
    """Its name in its sweep or study; empty where the file is one experiment."""
    experiment: Experiment
    plan: Plan


@dataclass(frozen=True)
class SharedStep:
    """A step with the points that need it."""

    step: Step
    execution: ExecutionParams
    """That of the first point: how the step is run if points differ."""
    users: list[str] = field(default_factory=list)
    """Labels of the points."""


@dataclass(frozen=True)
class PlannedStep:
    """A step before it runs: whether it is published, and what it costs."""

    step: Step
    execution: ExecutionParams
    users: tuple[str, ...]
    """Labels of the experiments that need it; none where the file is one experiment."""
    published: bool
    cost: StepCost | None = None
    """None for steps that need no device, and where the cost is not estimated or not known."""
    note: str = ""
    """Where sentences and lengths come from, or why the cost is not known."""
    by_corpus: Mapping[str, float] = field(default_factory=dict)
    """GPU hours of a generation by corpus, where they are known."""


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


def shared_steps(points: Iterable[PlannedPoint]) -> dict[ArtifactRef, SharedStep]:
    """Return every step of all points once, each after its inputs."""
    steps: dict[ArtifactRef, SharedStep] = {}
    for point in points:
        for step in point.plan.steps():
            shared = SharedStep(step, point.experiment.execution)
            steps.setdefault(step.ref, shared).users.append(point.label)
    return steps


def planned_steps(steps: Iterable[SharedStep], store: Store) -> list[PlannedStep]:
    """Return steps, in the same order, with what the store says of them."""
    return [
        PlannedStep(
            one.step, one.execution, tuple(filter(None, one.users)), store.has(one.step.ref)
        )
        for one in steps
    ]


def plan_sweep_report(
    sweep: Sweep, done: Sequence[tuple[SweepPoint, Plan]], *, missing: Sequence[str]
) -> SweepReport:
    """Return the step that shows the points that are done; `missing` names those that failed."""
    params = sweep.params
    tests = dict.fromkeys(score.split("/")[0] for score in params.show)
    rows = (
        SweepRow(shown_point(sweep, point, plan), {test: plan.tests[test] for test in tests})
        for point, plan in done
    )
    return SweepReport(
        title=sweep.name,
        figure=params.figure,
        show=tuple(params.show),
        axes=tuple(axis for axis in params.axes if axis != params.seeds),
        seeds=params.seeds,
        rows=tuple(rows),
        missing=tuple(missing),
    )


def plan_sweep_reports(found: Runnable, points: Iterable[PlannedPoint]) -> list[SweepReport]:
    """Return the steps at the end of the sweeps of a file, as they are when no point fails."""
    if isinstance(found, Experiment):
        return []
    plans = {point.experiment.name: point.plan for point in points}
    return [
        plan_sweep_report(
            part, [(one, plans[one.experiment.name]) for one in part.points], missing=[]
        )
        for part in (found.parts if isinstance(found, Study) else [found])
        if isinstance(part, Sweep)
    ]


def shown_point(sweep: Sweep | None, point: SweepPoint, plan: Plan) -> dict[str, Any]:
    """Return what reports say of a point, or of an experiment alone, beside its scores."""
    x, x_label = sweep.x_of(point) if sweep else (None, "")
    return {
        "name": point.experiment.name,
        "labels": dict(point.labels),
        "parameters": _model(point.experiment, plan)[1],
        "series": sweep.line_of(point) if sweep else "",
        "x": x,
        "x_label": x_label,
        "place": _compared_by(point.experiment, plan),
    }


def _in_the_paper(plan: Plan, test: str) -> dict[str, str]:
    """Return the name of a released checkpoint in the paper; nothing for other models."""
    papers = plan.report.papers
    return {"paper": papers[test]} if test in papers else {}


def _compared_by(experiment: Experiment, plan: Plan) -> Mapping[str, Any]:
    """Return what tells the numbers of the paper's tables apart."""
    return {
        "backbone": _model(experiment, plan)[0],
        "beams": experiment.decode.beams if experiment.decode else None,
        **_of_gner(experiment),
        "tests": {
            title: {
                "split": test.data.split,
                "corpora": list(test.data.corpora),
                "beside": test.beside,
                **_in_the_paper(plan, title),
            }
            for title, test in experiment.tests.items()
        },
    }


def _of_gner(experiment: Experiment) -> Mapping[str, Any]:
    """Return what the paper varies of its own system."""
    system, match = experiment.system, experiment.match
    if not isinstance(system, GnerSystem) or match is None:
        return {"system": system.kind}
    return {
        "labels": system.labels,
        "context": system.context,
        "matching": match.mode,
        "back_tokenization": match.back_tokenization,
    }


def _model(experiment: Experiment, plan: Plan) -> tuple[str, int]:
    """Return name and parameters of the backbone, or of the foreign checkpoint that is tested.

    Of stored checkpoints of gner, nothing: their experiments may have several.
    """
    for test in plan.report.papers:
        tested = plan.tests[test].predictions
        assert isinstance(tested, Generate)  # a foreign checkpoint is no endpoint
        return tested.backbone.name, tested.backbone.parameters
    backbone = experiment.backbone
    return (backbone.name, backbone.parameters) if backbone else ("", 0)
