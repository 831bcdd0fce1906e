"""The speed of a training stage for `gner bench train`: gner and the plain baseline, alternately."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from gner_core.artifact_files import SENTENCES
from gner_core.config.experiment import Experiment
from gner_core.errors import InputError, did_you_mean
from tasks.context import RunContext
from tasks.models import import_backbone
from tasks.plans.experiment import plan_experiment
from tasks.standalone.bench.measuring import measured, publish_samples, untracked_run
from tasks.steps.models import Backbone, Train, backbone_of
from tasks.steps.step import values

WORKER = "gner_core.training.bench.worker"
SIDES = ("plain", "gner")
Figures = dict[str, Any]


def measure_training(
    experiment: Experiment,
    *,
    stage: str,
    updates: int,
    warm_up: int,
    one_in: int,
    rounds: int,
    device: str | None,
    console: Console,
) -> dict[str, list[Figures]]:
    """Return the figures of every round of both sides.

    The weights to start from are those of the first stage of a chain: they do not change the speed.

    Args:
        updates: weight updates that are measured, after `warm_up` others.
        one_in: run one in so many micro-batches of each update.
        rounds: how often each side is measured; the sides alternate.
        device: the one whose peak speed is compared with; None measures that of this device.

    Raises:
        InputError: for faults of corpora or backbone, and a stage that the experiment has not.
    """
    if stage not in experiment.stages:
        hint = (
            did_you_mean(stage, experiment.stages) or f"; there are: {', '.join(experiment.stages)}"
        )
        raise InputError(f"{experiment.file}: no stage {stage!r}{hint}")
    plan = plan_experiment(experiment)
    with untracked_run(experiment.execution, console=console) as run:
        start = backbone_of(plan.stages[stage])
        learned_from = start.sentences if isinstance(start, Backbone) else ()
        publish_samples({*learned_from, plan.samples[stage]}, run)
        if isinstance(start, Backbone):
            import_backbone.fn(start, run)
        common = {
            **_request(experiment, plan.stages[stage], run),
            "updates": updates,
            "warm_up": warm_up,
            "one_in": one_in,
            "peak_of": device,
        }
        sides: dict[str, list[Figures]] = {side: [] for side in SIDES}
        for number in range(rounds):
            for side in SIDES:
                title = f"{side}, round {number + 1} of {rounds}"
                with measured(WORKER, {**common, "side": side}, run, title=title) as (figures, _):
                    sides[side].append(figures)
    return sides


def _request(experiment: Experiment, step: Train, run: RunContext) -> Mapping[str, Any]:
    return {
        "backbone": values(step.backbone),
        "system": values(step.system),
        "train": values(step.stage.train),
        "choose": {"kind": "last"},  # validation steps are not measured
        "validation": None,
        "model": str(run.path(backbone_of(step))),
        "sentences": str(run.path(step.data) / SENTENCES),
        "execution": values(experiment.execution),
        "threads": experiment.execution.threads,
    }
