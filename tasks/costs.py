"""What the steps of experiments would cost, before they run: `gner run FILE --dry-run --device NAME`.

Sentences are those of the published sample,
else of the published corpus, else of Table 8. Their lengths are counted by the published
tokenizer on some sentences of the published sample, else taken from params/costs/lengths.yaml.

Owns gathering. Does not own which steps there are (`tasks.points`), formulas (`gner_core.costs`) or
looks (`flows.costs_view`).

Example:
    reader = CostReader(store, read_device(["A100-80G"]))
    steps = [reader.priced(step) for step in planned_steps(shared_steps(points).values(), store)]
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from gner_core.corpora.lengths import TokenCounter
from gner_core.costs.devices import DeviceProfile
from gner_core.costs.estimate import StepCost, Volume, generation_cost, training_cost
from gner_core.costs.lengths import LENGTHS, Lengths, read_lengths
from gner_core.costs.memory import Spread
from gner_core.costs.shape import ModelShape
from gner_core.errors import InputError
from gner_core.execution_params import DeepspeedLauncher, ExecutionParams, PlainLauncher
from gner_core.params import DecodeParams, Experiment, SampleParams, TargetForm, TrainParams
from gner_core.records import read_sentences
from gner_core.schemas.targets import BIO
from gner_core.store import Store
from tasks.corpora import SENTENCES, STATISTICS
from tasks.planned import PlannedStep
from tasks.steps import Step

COUNTED = 200
"""Sentences of a corpus in a sample whose tokens are counted."""
LEARNING, WRITING = "train", "generate"


class UnknownCostError(Exception):
    """Why the cost of a step cannot be said."""


class CostReader:
    """Reads costs for one device."""

    def __init__(self, store: Store, device: DeviceProfile) -> None:
        """Bind store and device."""
        self.store = store
        self.device = device
        self.table = read_lengths(LENGTHS)
        self._volumes: dict[tuple[str, str, str], tuple[list[Volume], str]] = {}

    def priced(self, planned: PlannedStep) -> PlannedStep:
        """Return a step with its cost, or why that is not known."""
        ways = {LEARNING: self._training, WRITING: self._generation}
        if planned.step.kind not in ways:
            return planned
        try:
            cost, note = ways[planned.step.kind](planned.step, planned.experiment)
        except UnknownCostError as error:
            return replace(planned, note=str(error))
        return replace(planned, cost=cost, note=note)

    def _training(self, step: Step, experiment: Experiment) -> tuple[StepCost, str]:
        volumes, note = self._sentences(step, step.inputs["data"], experiment)
        train = TrainParams.model_validate(step.identity["train"])
        learned, looks = self._split(step, experiment, volumes, train)
        execution = experiment.execution
        return (
            training_cost(
                learned,
                backbone=experiment.backbone,
                shape=_shape(experiment),
                train=train,
                looks=looks,
                device=self.device,
                micro_batch=execution.train_batch,
                spread=_spread(execution),
            ),
            note,
        )

    def _generation(self, step: Step, experiment: Experiment) -> tuple[StepCost, str]:
        volumes, note = self._sentences(step, step.inputs["data"], experiment)
        return (
            generation_cost(
                volumes,
                backbone=experiment.backbone,
                shape=_shape(experiment),
                decode=DecodeParams.model_validate(step.identity["decode"]),
                batch=experiment.execution.generate_batch,
                batch_tokens=experiment.execution.generate_tokens,
                device=self.device,
            ),
            note,
        )

    def _split(
        self, step: Step, experiment: Experiment, volumes: list[Volume], train: TrainParams
    ) -> tuple[list[Volume], list[Volume]]:
        """Return the sentences that are learned from, and those of all looks at a validation loss."""
        choose = step.identity["choose"]
        total = sum(volume.sentences for volume in volumes)
        learned, looked = volumes, list[Volume]()
        if choose["kind"] == "held_out":
            share = min(1.0, choose["sentences"] / total)
            looked = _scaled(volumes, share)
            learned = _scaled(volumes, 1 - share)
        elif choose["kind"] == "sample":
            looked, _ = self._sentences(step, step.inputs["validation"], experiment)
        if not looked:
            return learned, []
        updates = train.epochs * -(-sum(v.sentences for v in learned) // train.global_batch)
        times = train.epochs if choose["every"] == "epoch" else updates / choose["every"]
        return learned, _scaled(looked, times)

    def _sentences(
        self, step: Step, data: Step, experiment: Experiment
    ) -> tuple[list[Volume], str]:
        """Return sentences and lengths of each corpus of a sample, and where they come from."""
        key = (data.ref.path, experiment.backbone.name, str(step.identity["target"]))
        if key not in self._volumes:
            sample = SampleParams.model_validate(dict(data.identity))
            counts = {name: self._count(name, data, sample, experiment) for name in sample.corpora}
            lengths, origin = self._lengths(step, data, sample, experiment)
            volumes = [
                Volume(count, lengths[name].words, lengths[name].prompt, lengths[name].target)
                for name, count in counts.items()
            ]
            self._volumes[key] = volumes, origin
        return self._volumes[key]

    def _count(self, name: str, data: Step, sample: SampleParams, experiment: Experiment) -> float:
        """Return how many sentences a sample has of a corpus."""
        if self.store.has(data.ref):
            return float(self._statistics(data)[name]["sentences"])
        if self.store.has(data.inputs[name].ref):
            whole = float(self._statistics(data.inputs[name])[sample.split]["sentences"])
        else:
            counts = experiment.corpora[name].table8
            if counts is None:
                raise UnknownCostError(f"{name} is not prepared: its sentences are not counted yet")
            entry = self._column(experiment).get(name)
            whole = getattr(counts, sample.split) * (entry.pieces if entry else 1.0)
        return min(float(sample.per_corpus), whole)

    def _lengths(
        self, step: Step, data: Step, sample: SampleParams, experiment: Experiment
    ) -> tuple[dict[str, Lengths], str]:
        """Return mean lengths by corpus, and where they come from."""
        base = _backbone_of(step)
        if self.store.objects.is_local and self.store.has(data.ref) and self.store.has(base.ref):
            return self._counted(step, base, data, experiment), "counted"
        column = self._column(experiment)
        missing = [name for name in sample.corpora if name not in column]
        if missing:
            raise UnknownCostError(
                f"lengths of {missing[0]} are not known before backbone and sample are published"
            )
        stand_ins = sum(column[name].stand_in for name in sample.corpora)
        origin = f"table, {stand_ins} of {len(sample.corpora)} stand-ins" if stand_ins else "table"
        if TargetForm.model_validate(step.identity["target"]) != BIO:
            origin += ", as BIO in full context"
        return {name: column[name] for name in sample.corpora}, origin

    def _column(self, experiment: Experiment) -> dict[str, Lengths]:
        name = _shape(experiment).lengths
        return dict(self.table[name]) if name else {}

    def _counted(
        self, step: Step, base: Step, data: Step, experiment: Experiment
    ) -> dict[str, Lengths]:
        """Count the tokens of some sentences of each corpus of a published sample."""
        form = TargetForm.model_validate(step.identity["target"])
        counter = TokenCounter(self.store.fetch(base.ref), experiment.backbone, form)
        sentences = read_sentences(self.store.fetch(data.ref) / SENTENCES)
        found = {}
        for name in data.inputs:
            own = [sentence for sentence in sentences if sentence.corpus == name]
            some = own[:: max(1, len(own) // COUNTED)]
            pairs = list(counter.lengths(some))
            words = sum(len(sentence.words) for sentence in some) / len(some)
            prompt, target = (sum(one) / len(pairs) for one in zip(*pairs, strict=True))
            found[name] = Lengths(words, prompt, target, pieces=1.0, stand_in=False)
        return found

    def _statistics(self, step: Step) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.store.fetch(step.ref) / STATISTICS).read_text())
        return found


def _scaled(volumes: list[Volume], times: float) -> list[Volume]:
    return [replace(volume, sentences=times * volume.sentences) for volume in volumes]


def _shape(experiment: Experiment) -> ModelShape:
    if experiment.backbone.shape is None:
        raise UnknownCostError(f"{experiment.backbone.name}: its file states no shape")
    return experiment.backbone.shape


def _backbone_of(step: Step) -> Step:
    """Return the backbone from which a training or a generation starts."""
    while step.kind != "backbone":
        step = step.inputs["model"]
    return step


def _spread(execution: ExecutionParams) -> Spread:
    launcher = execution.launcher
    if isinstance(launcher, PlainLauncher):
        return Spread(processes=1, zero=0, offload=False)
    if not isinstance(launcher, DeepspeedLauncher):
        return Spread(launcher.processes, zero=0, offload=False)
    try:
        zero = json.loads(Path(launcher.config).read_text())["zero_optimization"]
        return Spread(launcher.processes, zero["stage"], "offload_optimizer" in zero)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{launcher.config}: execution.launcher.config: no zero_optimization.stage ({error})"
        ) from None
