"""Measuring a training stage for `gner bench train`: gner and the plain baseline in turn.

What they do is `gner_core.training.bench.worker`'s.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from gner_core.config.experiment import Experiment
from gner_core.corpora.artifact import SENTENCES
from gner_core.errors import InputError
from tasks.context import RunContext, untracked_run
from tasks.data import draw_sample, prepare_corpus
from tasks.models import import_backbone
from tasks.paths import home_folder
from tasks.steps.experiment import Plan, plan_experiment

SIDES = ("plain", "gner")
Stage = Literal["adaptation", "finetuning"]
Figures = dict[str, Any]


@dataclass(frozen=True)
class BenchSetup:
    """What is measured, and for how long."""

    stage: Stage
    updates: int
    warm_up: int
    one_in: int
    """Run one in so many micro-batches of each update."""
    rounds: int
    """How often each side is measured, in turn."""
    device: str | None
    """Name of the device whose peak counts; None measures this one's."""


def measure_training(
    experiment: Experiment, setup: BenchSetup, *, console: Console
) -> dict[str, list[Figures]]:
    """Return the figures of every round of both sides.

    The weights to start from are the backbone's for both stages: they do not change the speed.

    Raises:
        InputError: for faults of corpora, backbone or setup.
    """
    if setup.stage not in experiment.stages():
        raise InputError(f"{experiment.name}: has no stage {setup.stage}")
    plan = plan_experiment(experiment)
    with untracked_run(experiment.execution, console=console) as run:
        _prepare(plan, run, setup.stage)
        common = _request(experiment, plan, run, setup)
        sides: dict[str, list[Figures]] = {side: [] for side in SIDES}
        for number in range(setup.rounds):
            for side in SIDES:
                title = f"{side}, round {number + 1} of {setup.rounds}"
                with run.workspace.progress.bar(title) as show:
                    sides[side].append(_measured({**common, "side": side}, run, show))
    return sides


def _prepare(plan: Plan, run: RunContext, stage: Stage) -> None:
    """Have corpora, samples and model in the store."""
    samples = {*plan.backbone.sentences, plan.samples[stage]}
    for corpus in {one for sample in samples for one in sample.corpora.values()}:
        prepare_corpus.fn(corpus, run)
    for sample in samples:
        draw_sample.fn(sample, run)
    import_backbone.fn(plan.backbone, run)


def _request(
    experiment: Experiment, plan: Plan, run: RunContext, setup: BenchSetup
) -> Mapping[str, Any]:
    train = experiment.stages()[setup.stage]
    return {
        "backbone": experiment.backbone.model_dump(mode="json"),
        "target": experiment.target.model_dump(mode="json"),
        "train": train.train.model_dump(mode="json"),
        "choose": {"kind": "last"},  # looks at validation sentences are not measured
        "validation": None,
        "model": str(run.path(plan.backbone)),
        "sentences": str(run.path(plan.samples[setup.stage]) / SENTENCES),
        "execution": experiment.execution.model_dump(mode="json"),
        "threads": experiment.execution.threads,
        "updates": setup.updates,
        "warm_up": setup.warm_up,
        "one_in": setup.one_in,
        "peak_of": setup.device,
    }


def _measured(request: Mapping[str, Any], run: RunContext, show: Any) -> Figures:
    scratch = home_folder() / "work"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="bench-") as folder:
        places = {"output": folder, "scratch": str(Path(folder))}
        result = run.workspace.workers.run(
            "gner_core.training.bench.worker", {**request, **places}, on_event=show
        )
    figures: Figures = result["figures"]
    return figures
