"""The plan of an experiment: its steps, each with its inputs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from gner_core.config.backbone import BackboneParams, FolderSource, RandomSource
from gner_core.config.checkpoint import Description
from gner_core.config.corpus import CorpusParams
from gner_core.config.experiment import Experiment
from gner_core.config.model_file import ModelFile
from gner_core.config.reading.models import About, foreign_model
from gner_core.config.systems.any import System
from gner_core.config.systems.chat import ChatSystem
from gner_core.config.systems.gner import GnerSystem
from gner_core.config.training import (
    BACKBONE,
    SYSTEM,
    ChooseHeldOut,
    HubCheckpoint,
    Origin,
    StoredCheckpoint,
)
from gner_core.corpora.splits import stream_any_split
from gner_core.errors import InputError
from gner_core.hub import has_safetensors
from gner_core.store.artifacts import Store
from tasks.checkpoints.identity import in_folder, named, on_hub
from tasks.paths import open_store
from tasks.steps.data import Corpus, Sample, plan_corpora, plan_sample
from tasks.steps.models import (
    Ask,
    Backbone,
    Fit,
    Generate,
    Model,
    Train,
    plan_ask,
    plan_backbone,
)
from tasks.steps.results import Report, Score
from tasks.steps.step import Step


@dataclass(frozen=True)
class Plan:
    """All steps of an experiment."""

    corpora: Mapping[str, Corpus]
    samples: Mapping[str, Sample]
    """By the name of the stage or the test; `NAME validation` chooses the weights of a stage."""
    backbone: Backbone | None
    """None where no stage and no test names it."""
    imports: tuple[Backbone, ...]
    """Foreign checkpoints that are imported."""
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
        yield from self.imports
        yield from self.stages.values()
        for score in self.tests.values():
            written = score.predictions
            if isinstance(written, Generate) and written.fit:
                yield written.fit
            yield from (written, score)
        yield self.report


@dataclass(frozen=True)
class Origins:
    """What stages start from and tests test: models with how they read, and their systems."""

    experiment: Experiment
    backbone: Backbone | None
    stages: dict[str, Train]
    foreign: dict[str, ModelFile] = field(default_factory=dict)
    """What the foreign checkpoints are, by the keys that name them."""

    def of(self, key: str, origin: Origin) -> tuple[Model, BackboneParams, System]:
        """Return the model that is named at a key of the file.

        Raises:
            InputError: for a stored checkpoint that cannot be read, or contradicts the file.
        """
        if isinstance(origin, StoredCheckpoint):
            return self._stored(key, origin)
        if origin != BACKBONE:
            stage = self.stages[origin]
            return stage, stage.backbone, stage.system
        assert self.backbone is not None  # the experiment was checked
        return self.backbone, self.backbone.params, self.experiment.system

    def _stored(self, key: str, origin: StoredCheckpoint) -> tuple[Model, BackboneParams, System]:
        where, store = f"{self.experiment.file}: {key}.checkpoint", open_store()
        try:
            model = foreign_model(*_named(origin))
            step, said = _foreign(model) if model else _own(origin, store)
            self.foreign.update({key: model} if model else {})
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        if said.trained_for is None:
            raise InputError(
                f"{where}: a model that was not trained to write entities; name a system"
            )
        self._refuse_another_family(where, said.backbone)
        return step, said.backbone, self._system(where, said.trained_for)

    def _system(self, where: str, trained: System) -> System:
        """Return the system of a stored checkpoint in this experiment.

        Prompts of a text system are chosen anew in a test; what gner writes cannot be.

        Raises:
            InputError: where the checkpoint is not what the file says of it; of gner, defaults are
                nothing that it says.
        """
        experiment = self.experiment
        if trained.kind != experiment.system.kind:
            raise InputError(
                f"{where}: was trained for the system {trained.kind}, and the experiment's is "
                f"{experiment.system.kind}; write system: {{kind: {trained.kind}}} in the file"
            )
        said, given = dict(trained), dict(experiment.system)
        differs = [
            field
            for field, value in given.items()
            if value != said[field] and f"system.{field}" not in experiment.defaulted
        ]
        if isinstance(experiment.system, GnerSystem) and isinstance(trained, GnerSystem):
            trained = trained.calling(experiment.system.type_names)
            differs = [field for field in differs if field not in GnerSystem.ONLY_IN_TESTS]
        if not isinstance(trained, GnerSystem):
            return trained.model_copy(update={field: given[field] for field in differs})
        for name in differs:
            raise InputError(
                f"{where}: was trained with system.{name} {said[name]!r}, and the file says "
                f"{given[name]!r}; leave system out, or give it in a file of its own"
            )
        if experiment.decode and experiment.decode.mode == "guided" and not trained.can_be_guided:
            raise InputError(
                f"{where}: writes {trained.labels} with context {trained.context}; decode.mode "
                "guided needs BIO or BI and full: set free"
            )
        return trained

    def _refuse_another_family(self, where: str, backbone: BackboneParams) -> None:
        experiment = self.experiment
        if experiment.backbone and experiment.backbone.family != backbone.family:
            raise InputError(
                f"{where}: its backbone is {backbone.name} ({backbone.family}), and the file says "
                f"backbone.family {experiment.backbone.family!r}; leave backbone out"
            )


def _named(origin: StoredCheckpoint) -> tuple[str, About | None]:
    """Return the name of a stored checkpoint, and what the file says about it."""
    found = origin.checkpoint
    about = Path(origin.about) if isinstance(origin.about, str) else origin.about
    return found if isinstance(found, str) else f"{found.hub}@{found.revision}", about


def _foreign(model: ModelFile) -> tuple[Model, Description]:
    """Return a foreign checkpoint that is imported, or used where it is, when the plan is run."""
    source = model.source
    if isinstance(source, FolderSource) and has_safetensors(Path(source.path)):
        return in_folder(Path(source.path), model.description()).step, model.description()
    return plan_backbone(model.backbone, sentences=()), model.description()


def _own(origin: StoredCheckpoint, store: Store) -> tuple[Model, Description]:
    """Return a checkpoint of gner."""
    if isinstance(origin.checkpoint, HubCheckpoint):
        found = on_hub(origin.checkpoint.hub, origin.checkpoint.revision)
    else:
        found = named(origin.checkpoint, store)
    return found.step, found.description(store)


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
        model, params, system = origins.of(f"stages.{name}.from", stage.origin)
        stages[name] = Train(
            title=name,
            stage=stage,
            system=system,
            backbone=params,
            model=model,
            data=samples[name],
            validation=samples.get(_validation_of(name)),
        )
    tests = {}
    for name in experiment.tests:
        written = _predictions(name, origins, samples[name])
        match, scoring = experiment.match, experiment.scoring
        tests[name] = Score(title=name, predictions=written, match=match, scoring=scoring)
    report = Report(
        title=experiment.name,
        experiment=experiment,
        corpora=corpora,
        samples=samples,
        stages=stages,
        tests=tests,
        papers=_in_the_paper(experiment, origins.foreign),
    )
    imports = _imports([*stages.values(), *(one.predictions for one in tests.values())], backbone)
    return Plan(corpora, samples, backbone, imports, stages, tests, report)


def _in_the_paper(experiment: Experiment, foreign: Mapping[str, ModelFile]) -> dict[str, str]:
    """Return the names of tested foreign checkpoints in the tables that the tests are set beside."""
    return {
        name: foreign[key].paper.get(test.beside, "")
        for name, test in experiment.tests.items()
        if test.beside and (key := f"tests.{name}.of") in foreign
    }


def _imports(
    users: Sequence[Train | Generate | Ask], backbone: Backbone | None
) -> tuple[Backbone, ...]:
    """Return the foreign checkpoints that some steps start from, each once."""
    models = dict.fromkeys(one.model for one in users)
    return tuple(one for one in models if isinstance(one, Backbone) and one != backbone)


def _predictions(name: str, origins: Origins, data: Sample) -> Generate | Ask:
    """Return the step that makes the predictions of a test."""
    experiment, test = origins.experiment, origins.experiment.tests[name]
    if test.of == SYSTEM:
        asked = test.system or experiment.system
        assert isinstance(asked, ChatSystem)  # the experiment was checked
        return plan_ask(asked, title=name, data=data)
    model, params, system = origins.of(f"tests.{name}.of", test.of)
    assert experiment.decode is not None
    if isinstance(system, GnerSystem) and isinstance(test.system, GnerSystem):
        system = system.calling(test.system.type_names)
    elif test.system:
        system = test.system
    return Generate(
        title=name,
        model=model,
        data=data,
        system=system,
        backbone=params,
        decode=experiment.decode,
        fit=_fit(model, experiment),
    )


def _fit(model: Model, experiment: Experiment) -> Fit | None:
    """Return the step that fits the decoding of a model, where it is fitted."""
    if experiment.decode is None or experiment.decode.fit is None:
        return None
    assert isinstance(model, Train)  # the experiment was checked
    return Fit(title=model.title, model=model, decode=experiment.decode, scoring=experiment.scoring)


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
