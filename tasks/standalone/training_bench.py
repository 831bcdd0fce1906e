"""The speed of a training stage for `gner bench train`: gner and the plain baseline, alternately."""

from collections.abc import Mapping
from typing import Any, Literal

from rich.console import Console

from gner_core.config.experiment import Experiment
from gner_core.corpora.artifact import SENTENCES
from gner_core.errors import InputError
from tasks.context import RunContext
from tasks.models import import_backbone
from tasks.standalone.bench import measured, publish_samples, untracked_run
from tasks.steps.experiment import Plan, plan_experiment
from tasks.steps.step_key import values

WORKER = "gner_core.training.bench.worker"
SIDES = ("plain", "gner")
Stage = Literal["adaptation", "finetuning"]
Figures = dict[str, Any]


def measure_training(
    experiment: Experiment,
    *,
    stage: Stage,
    updates: int,
    warm_up: int,
    one_in: int,
    rounds: int,
    device: str | None,
    console: Console,
) -> dict[str, list[Figures]]:
    """Return the figures of every round of both sides.

    The weights to start from are the backbone's for both stages: they do not change the speed.

    Args:
        updates: weight updates that are measured, after `warm_up` others.
        one_in: run one in so many micro-batches of each update.
        rounds: how often each side is measured; the sides alternate.
        device: the one whose peak speed is compared with; None measures that of this device.

    Raises:
        InputError: for faults of corpora or backbone, and a stage that the experiment has not.
    """
    if stage not in experiment.stages():
        raise InputError(f"{experiment.name}: has no stage {stage}")
    plan = plan_experiment(experiment)
    with untracked_run(experiment.execution, console=console) as run:
        publish_samples({*plan.backbone.sentences, plan.samples[stage]}, run)
        import_backbone.fn(plan.backbone, run)
        common = {
            **_request(experiment, plan, run, stage),
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


def _request(
    experiment: Experiment, plan: Plan, run: RunContext, stage: Stage
) -> Mapping[str, Any]:
    return {
        "backbone": values(experiment.backbone),
        "target": values(experiment.target),
        "train": values(experiment.stages()[stage].train),
        "choose": {"kind": "last"},  # validation steps are not measured
        "validation": None,
        "model": str(run.path(plan.backbone)),
        "sentences": str(run.path(plan.samples[stage]) / SENTENCES),
        "execution": values(experiment.execution),
        "threads": experiment.execution.threads,
    }
