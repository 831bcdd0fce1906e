"""The plan of an experiment: its steps, each with its inputs."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from gner_core.config.backbone import BackboneParams, RandomSource
from gner_core.config.corpus import CorpusParams
from gner_core.config.experiment import Experiment
from gner_core.config.system import TargetForm
from gner_core.config.training import (
    BACKBONE,
    ChooseHeldOut,
    HubCheckpoint,
    Origin,
    StoredCheckpoint,
)
from gner_core.corpora.splits import stream_any_split
from gner_core.errors import InputError
from tasks.checkpoints.identity import named, on_hub
from tasks.paths import open_store
from tasks.steps.data import Corpus, Sample, plan_corpora, plan_sample
from tasks.steps.models import Backbone, Generate, Model, Train, plan_backbone
from tasks.steps.results import Report, Score
from tasks.steps.step_key import Step


@dataclass(frozen=True)
class Plan:
    """All steps of an experiment."""

    corpora: Mapping[str, Corpus]
    samples: Mapping[str, Sample]
    """By the name of the stage or the test; `NAME validation` chooses the weights of a stage."""
    backbone: Backbone | None
    """None where no stage and no test names it."""
    stages: Mapping[str, Train]
    """The trainings, each after the one that it starts from."""
    tests: Mapping[str, Score]
    report: Report

    def steps(self) -> Iterator[Step]:
        """Yield every step after its inputs."""
        yield from self.corpora.values()
        yield from self.samples.values()
        if self.backbone:
            yield self.backbone
        yield from self.stages.values()
        for score in self.tests.values():
            yield from (score.predictions, score)
        yield self.report


@dataclass(frozen=True)
class Origins:
    """What stages start from and tests test: models with how they read and what they write."""

    experiment: Experiment
    backbone: Backbone | None
    stages: dict[str, Train]

    def of(self, key: str, origin: Origin) -> tuple[Model, BackboneParams, TargetForm]:
        """Return the model that is named at a key of the file.

        Raises:
            InputError: for a stored checkpoint that cannot be read, or contradicts the file.
        """
        if isinstance(origin, StoredCheckpoint):
            return self._stored(key, origin)
        if origin != BACKBONE:
            stage = self.stages[origin]
            return stage, stage.backbone, stage.target
        assert self.backbone is not None  # the experiment was checked
        return self.backbone, self.backbone.params, self.experiment.system.target

    def _stored(
        self, key: str, origin: StoredCheckpoint
    ) -> tuple[Model, BackboneParams, TargetForm]:
        where, store = f"{self.experiment.file}: {key}.checkpoint", open_store()
        try:
            if isinstance(origin.checkpoint, HubCheckpoint):
                found = on_hub(origin.checkpoint.hub, origin.checkpoint.revision)
            else:
                found = named(origin.checkpoint, store)
            said = found.description(store)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        assert said.target is not None
        self._refuse_contradiction(where, said.backbone, said.target)
        return found.step, said.backbone, said.target

    def _refuse_contradiction(
        self, where: str, backbone: BackboneParams, target: TargetForm
    ) -> None:
        """Refuse a checkpoint that is not what the file itself, not its defaults, says of it."""
        experiment = self.experiment
        given, said = experiment.system.target.model_dump(), target.model_dump()
        for field, value in given.items():
            if value != said[field] and f"system.{field}" not in experiment.defaulted:
                raise InputError(
                    f"{where}: was trained with system.{field} {said[field]!r}, and the file says "
                    f"{value!r}; leave system out, or give it in a file of its own"
                )
        written = (target.labels, target.context)
        if experiment.decode.mode == "guided" and written != ("BIO", "full"):
            raise InputError(
                f"{where}: writes {target.labels} with context {target.context}; decode.mode guided "
                "needs BIO and full: set free"
            )
        if experiment.backbone and experiment.backbone.family != backbone.family:
            raise InputError(
                f"{where}: its backbone is {backbone.name} ({backbone.family}), and the file says "
                f"backbone.family {experiment.backbone.family!r}; leave backbone out"
            )


def used_corpora(experiment: Experiment) -> dict[str, CorpusParams]:
    """Return the corpora that some sample of an experiment names, in the order of the catalog."""
    named = {name for sample in experiment.samples().values() for name in sample.corpora}
    return {name: corpus for name, corpus in experiment.corpora.items() if name in named}


def plan_experiment(experiment: Experiment) -> Plan:
    """Return the plan of an experiment.

    Raises:
        InputError: when a corpus file, a local model or a stored checkpoint is missing, or does not
            fit the file.
    """
    corpora = plan_corpora(used_corpora(experiment), experiment.data_root)
    samples = _plan_samples(experiment, corpora)
    _refuse_too_many_held_out(experiment, samples)
    backbone = _plan_backbone(experiment, samples)
    stages: dict[str, Train] = {}
    origins = Origins(experiment, backbone, stages)
    for name, stage in experiment.ordered_stages().items():
        model, params, target = origins.of(f"stages.{name}.from", stage.origin)
        stages[name] = Train(
            title=name,
            stage=stage,
            target=target,
            backbone=params,
            model=model,
            data=samples[name],
            validation=samples.get(_validation_of(name)),
        )
    tests = {}
    for name, test in experiment.tests.items():
        model, params, target = origins.of(f"tests.{name}.of", test.of)
        written = Generate(
            title=name,
            model=model,
            data=samples[name],
            target=target,
            backbone=params,
            decode=experiment.decode,
        )
        match, scoring = experiment.match, experiment.scoring
        tests[name] = Score(title=name, predictions=written, match=match, scoring=scoring)
    report = Report(
        title=experiment.name,
        experiment=experiment,
        corpora=corpora,
        samples=samples,
        stages=stages,
        tests=tests,
    )
    return Plan(corpora, samples, backbone, stages, tests, report)


def _plan_samples(experiment: Experiment, corpora: Mapping[str, Corpus]) -> dict[str, Sample]:
    given = {
        **{name: (f"{name} sentences", stage.data) for name, stage in experiment.stages.items()},
        **{name: (f"{name} sentences", test.data) for name, test in experiment.tests.items()},
        **{
            _validation_of(name): (_validation_of(name), sample)
            for name, sample in experiment.validation().items()
        },
    }
    return {name: plan_sample(title, one, corpora) for name, (title, one) in given.items()}


def _validation_of(stage: str) -> str:
    """Return the name of the sample by which a stage's weights are chosen."""
    return f"{stage} validation"


def _plan_backbone(experiment: Experiment, samples: Mapping[str, Sample]) -> Backbone | None:
    params = experiment.backbone
    if params is None or BACKBONE not in experiment.origins().values():
        return None
    sentences = [samples[name] for name in experiment.ordered_stages()]
    if isinstance(params.source, RandomSource) and not sentences:
        raise InputError(
            f"{experiment.file}: backbone.source: random weights learn their tokenizer from the "
            "sentences of a stage, and there is none"
        )
    return plan_backbone(params, sentences=sentences)


def _refuse_too_many_held_out(experiment: Experiment, samples: Mapping[str, Sample]) -> None:
    """Refuse a choice of weights that leaves no sentence to train on.

    Corpora whose files are here are read as far as it takes to know; others are checked in training.

    Raises:
        InputError: with file and key.
    """
    for name, stage in experiment.stages.items():
        if not isinstance(stage.choose, ChooseHeldOut):
            continue
        wanted, found = stage.choose.sentences, 0
        for corpus in samples[name].corpora.values():
            split, most = stage.data.split, min(stage.data.per_corpus, wanted + 1 - found)
            if corpus.unfetched or not corpus.folder.is_dir():
                return
            sentences = stream_any_split(
                corpus.name, corpus.params, split=split, folder=corpus.folder, repairs=Counter()
            )
            found += sum(1 for _ in islice(sentences, most))
            if found > wanted:
                break
        else:
            raise InputError(
                f"{experiment.file}: stages.{name}.choose.sentences: {wanted} held out of {found} "
                "leave none to train on"
            )
