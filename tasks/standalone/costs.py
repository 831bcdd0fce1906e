"""What steps would cost before they run: `gner run FILE --dry-run --device NAME`.

Sentences are counted in the published sample, else in the published corpus, else taken from Table 8.
Their lengths are counted by the published tokenizer on some sentences of the published sample, else
taken from params/costs/lengths.yaml.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gner_core.artifact_files import SENTENCES, STATISTICS
from gner_core.config.costs import DeviceProfile, Lengths, ModelShape
from gner_core.config.execution import DeepspeedLauncher, ExecutionParams, PlainLauncher
from gner_core.config.reading.costs import LENGTHS, read_lengths
from gner_core.config.systems.base import TextSystemParams
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.config.systems.gner import GnerSystem, TargetForm
from gner_core.config.training import ChooseHeldOut, ChooseLast
from gner_core.corpora.lengths import TokenCounter
from gner_core.costs.estimate import (
    StepCost,
    Volume,
    generation_cost,
    pass_cost,
    training_cost,
)
from gner_core.costs.memory import Spread
from gner_core.costs.texts import (
    Case,
    Measure,
    TextLengths,
    called,
    learned,
    made_up,
    measure_like,
)
from gner_core.errors import InputError
from gner_core.records import read_sentences
from gner_core.runtime.files import read_json
from gner_core.store.artifacts import Store
from gner_core.systems.gner.targets import LEAN
from gner_core.systems.registry import text_system
from tasks.plans.points import PlannedStep
from tasks.steps.data import Corpus, Sample
from tasks.steps.models import Generate, Train, backbone_of
from tasks.steps.step import Step

OF_ENCODERS = "t5"
"""Column of the table of lengths that stands for the tokenizers of encoders."""
COUNTED = 200
"""Sentences of a corpus in a sample whose tokens are counted."""


class UnknownCostError(Exception):
    """Why the cost of a step cannot be said."""


class CostReader:
    """Reads costs for one device."""

    def __init__(self, store: Store, device: DeviceProfile) -> None:
        """Bind store and device."""
        self.store = store
        self.device = device
        self.table = read_lengths(LENGTHS)
        self._volumes: dict[tuple[type, str, str, str], tuple[list[Volume], str]] = {}

    def priced(self, planned: PlannedStep) -> PlannedStep:
        """Return a step with its cost, or why that is not known."""
        step, execution = planned.step, planned.execution
        if not isinstance(step, Train | Generate):
            return planned
        try:
            volumes, note = self._sentences(step, step.data)
            if isinstance(step, Train):
                cost = self._training(step, execution, volumes)
            else:
                cost = self._generation(step, execution, volumes)
        except UnknownCostError as error:
            return replace(planned, note=str(error))
        hours = {}
        if isinstance(step, Generate) and cost.gpu_hours is not None:
            for name, volume in zip(step.data.corpora, volumes, strict=True):
                one = self._generation(step, execution, [volume])
                hours[name] = one.gpu_hours or 0.0
        return replace(planned, cost=cost, note=note, by_corpus=hours)

    def _training(self, step: Train, execution: ExecutionParams, volumes: list[Volume]) -> StepCost:
        learned, validated = self._split(step, volumes)
        return training_cost(
            learned,
            backbone=step.backbone,
            shape=_shape(step),
            train=step.stage.train,
            validated=validated,
            device=self.device,
            micro_batch=execution.train_batch,
            spread=_spread(execution),
        )

    def _generation(
        self, step: Generate, execution: ExecutionParams, volumes: list[Volume]
    ) -> StepCost:
        if isinstance(step.system, GlinerSystem):
            return pass_cost(volumes, backbone=step.backbone, device=self.device)
        return generation_cost(
            volumes,
            backbone=step.backbone,
            shape=_shape(step),
            decode=step.decode,
            batch=execution.generate_batch,
            batch_tokens=execution.generate_tokens,
            device=self.device,
        )

    def _split(self, step: Train, volumes: list[Volume]) -> tuple[list[Volume], list[Volume]]:
        """Return the sentences that are learned from, and those of all validation passes."""
        choose, train = step.stage.choose, step.stage.train
        if isinstance(choose, ChooseLast):
            return volumes, []
        if isinstance(choose, ChooseHeldOut):
            total = sum(volume.sentences for volume in volumes)
            share = min(1.0, choose.sentences / total)
            learned, validated = _scaled(volumes, 1 - share), _scaled(volumes, share)
        else:
            assert step.validation is not None
            learned, (validated, _) = volumes, self._sentences(step, step.validation)
        updates = train.epochs * -(-sum(v.sentences for v in learned) // train.global_batch)
        times = train.epochs if choose.every == "epoch" else updates / choose.every
        return learned, _scaled(validated, times)

    def _sentences(self, step: Train | Generate, data: Sample) -> tuple[list[Volume], str]:
        """Return sentences and lengths of each corpus of a sample, and where they come from."""
        key = (type(step), data.ref.path, step.backbone.name, str(step.system))
        if key not in self._volumes:
            counts = {
                name: self._count(corpus, data, step) for name, corpus in data.corpora.items()
            }
            if isinstance(step.system, GnerSystem):
                lengths, origin = self._lengths(step, data, step.system.target)
                volumes = [
                    Volume(count, lengths[name].words, lengths[name].prompt, lengths[name].target)
                    for name, count in counts.items()
                ]
            else:
                volumes, origin = self._of_other_system(step, data, counts)
            self._volumes[key] = volumes, origin
        return self._volumes[key]

    def _count(self, corpus: Corpus, data: Sample, step: Train | Generate) -> float:
        """Return how many sentences a sample has of a corpus."""
        name, split = corpus.name, data.params.split
        if self.store.has(data.ref):
            return float(self._statistics(data)[name]["sentences"])
        if self.store.has(corpus.ref):
            whole = float(self._statistics(corpus)[split]["sentences"])
        else:
            counts = corpus.params.table8
            if counts is None:
                raise UnknownCostError(f"{name} is not prepared: its sentences are not counted yet")
            entry = self._column(step).get(name)
            whole = getattr(counts, split) * (entry.pieces if entry else 1.0)
        return min(float(data.params.per_corpus), whole)

    def _lengths(
        self, step: Train | Generate, data: Sample, form: TargetForm
    ) -> tuple[dict[str, Lengths], str]:
        """Return mean lengths by corpus, and where they come from."""
        base = backbone_of(step.model)
        if self.store.objects.is_local and self.store.has(data.ref) and self.store.has(base.ref):
            return self._counted(step, base, data, form), "counted"
        column, names = self._column(step), list(data.corpora)
        missing = [name for name in names if name not in column]
        if missing:
            raise UnknownCostError(
                f"lengths of {missing[0]} are not known before backbone and sample are published"
            )
        stand_ins = sum(column[name].stand_in for name in names)
        origin = f"table, {stand_ins} of {len(names)} stand-ins" if stand_ins else "table"
        if not form.can_be_guided:
            origin += ", as BIO in full context"
        return {name: column[name] for name in names}, origin

    def _of_other_system(
        self, step: Train | Generate, data: Sample, counts: Mapping[str, float]
    ) -> tuple[list[Volume], str]:
        """Return the calls, or training texts, of a system beside gner by corpus."""
        column, volumes = self._column(step), []
        for name, count in counts.items():
            known, listed = column.get(name), data.corpora[name].params.table8
            if known is None or listed is None:
                raise UnknownCostError(f"lengths and number of types of {name} are not known")
            case = made_up(words=known.words, types=listed.types)
            measure = measure_like(case, prompt_tokens=known.prompt)
            if isinstance(step.system, GlinerSystem):
                prompt = measure(" ".join((*case.types, *case.words)))
                volumes.append(Volume(count, known.words, prompt, 0.0))
                continue
            one = self._texts(step, case, measure)
            volumes.append(Volume(count * one.texts, known.words, one.prompt, one.answer))
        calls = sum(volume.sentences for volume in volumes) / (sum(counts.values()) or 1)
        if isinstance(step, Train):
            return volumes, f"estimated, {calls:.1f} texts a sentence"
        return volumes, f"estimated, {calls:.1f} calls a sentence"

    def _texts(self, step: Train | Generate, case: Case, measure: Measure) -> TextLengths:
        assert isinstance(step.system, TextSystemParams)
        try:
            system = text_system(step.system)
            lengths = learned if isinstance(step, Train) else called
            return lengths(system, [case], measure)
        except (InputError, KeyError) as error:  # such as a type without a definition
            raise UnknownCostError(f"{step.system.kind}: {error}") from None

    def _column(self, step: Train | Generate) -> dict[str, Lengths]:
        """Return the lengths of corpora in the step's tokenizer, with the texts of its form."""
        if step.backbone.family == "encoder":
            return dict(self.table[OF_ENCODERS])
        name = _shape(step).lengths
        if name and isinstance(step.system, GnerSystem) and step.system.target == LEAN:
            name += "-BI"
        return dict(self.table[name]) if name else {}

    def _counted(
        self, step: Train | Generate, base: Step, data: Sample, form: TargetForm
    ) -> dict[str, Lengths]:
        """Count the tokens of some sentences of each corpus of a published sample."""
        counter = TokenCounter(self.store.fetch(base.ref), step.backbone, form)
        sentences = read_sentences(self.store.fetch(data.ref) / SENTENCES)
        found = {}
        for name in data.corpora:
            own = [sentence for sentence in sentences if sentence.corpus == name]
            some = own[:: max(1, len(own) // COUNTED)]
            pairs = list(counter.lengths(some))
            words = sum(len(sentence.words) for sentence in some) / len(some)
            prompt, target = (sum(one) / len(pairs) for one in zip(*pairs, strict=True))
            found[name] = Lengths(words, prompt, target, pieces=1.0, stand_in=False)
        return found

    def _statistics(self, step: Step) -> dict[str, Any]:
        found: dict[str, Any] = read_json(self.store.fetch(step.ref) / STATISTICS)
        return found


def _scaled(volumes: list[Volume], times: float) -> list[Volume]:
    return [replace(volume, sentences=times * volume.sentences) for volume in volumes]


def _shape(step: Train | Generate) -> ModelShape:
    if step.backbone.shape is None:
        raise UnknownCostError(f"{step.backbone.name}: its file states no shape")
    return step.backbone.shape


def _spread(execution: ExecutionParams) -> Spread:
    launcher = execution.launcher
    if isinstance(launcher, PlainLauncher):
        return Spread(processes=1, zero=0, offload=False)
    if not isinstance(launcher, DeepspeedLauncher):
        return Spread(launcher.processes, zero=0, offload=False)
    try:
        zero = read_json(Path(launcher.config))["zero_optimization"]
        return Spread(launcher.processes, zero["stage"], "offload_optimizer" in zero)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{launcher.config}: execution.launcher.config: no zero_optimization.stage ({error})"
        ) from None
