"""The steps that need a model: a backbone, a training, a stored checkpoint, a generation."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gner_core.config.backbone import BackboneParams, FolderSource, HubModel, RandomSource
from gner_core.config.scoring import ScoringParams
from gner_core.config.systems.any import DecodeParams, System
from gner_core.config.systems.chat import ChatSystem
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.config.systems.gner import GnerSystem
from gner_core.config.training import StageParams
from gner_core.errors import InputError
from gner_core.hub import model_files
from gner_core.store.artifacts import ArtifactRef
from gner_core.systems.gliner.environment import identity as gliner_identity
from tasks.steps.data import Sample, file_digest
from tasks.steps.step import Step, values

WEIGHTS_SAY = ("name", "parameters", "source", "shape")
"""Fields of a backbone's params that its weights determine; the others form its input."""

FRAME = ("prompt_before", "prompt_after")
"""Fields of a backbone's params of which only gner's prompts make use; other systems have their own."""
TEXTS_VERSION = 2
"""Raised when what steps make of a system beside gner changes."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Backbone(Step):
    """A pretrained model as safetensors weights, with its tokenizer."""

    kind = "backbone"
    version = 2
    in_worker = True

    params: BackboneParams
    files: Mapping[str, str] | None
    """Name → SHA-256 of the files of a local folder, None for another source."""
    sentences: tuple[Sample, ...]
    """From which a random model learns its tokenizer."""

    def identity(self) -> dict[str, Any]:
        """Return the source of the weights, or the hashes of the local files."""
        if self.files is not None:
            return {"kind": "folder", "files": dict(self.files)}
        return values(self.params.source)

    def inputs(self) -> dict[str, Step]:
        """Return the samples whose words make a random model's vocabulary."""
        return {f"sentences {number}": sample for number, sample in enumerate(self.sentences)}

    @cached_property
    def unpinned(self) -> tuple[str, ...]:
        """Its own repository while its commit is not known."""
        source = self.params.source
        return (source.repo,) if isinstance(source, HubModel) and not source.is_pinned else ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Stored(Step):
    """A checkpoint that is identified by its content alone, wherever it is."""

    kind = "checkpoint"
    version = 1

    files: Mapping[str, str]
    """Name → SHA-256 of each file that its answers depend on."""
    stored_at: ArtifactRef | Path
    """Where it is; it is not copied."""

    def identity(self) -> dict[str, Any]:
        """Return the hashes of its files."""
        return {"files": dict(self.files)}

    @property
    def location(self) -> ArtifactRef | Path:
        """Where it is."""
        return self.stored_at


@dataclass(frozen=True, eq=False, kw_only=True)
class Endpoint(Step):
    """A model behind an address. It is not ours, and nothing is made of it."""

    kind = "endpoint"
    version = 1

    base_url: str
    model: str

    def identity(self) -> dict[str, Any]:
        """Return where it is, and its name there."""
        return {"base_url": self.base_url, "model": self.model}


@dataclass(frozen=True, eq=False, kw_only=True)
class Train(Step):
    """One training stage, from a backbone or from another checkpoint."""

    kind = "train"
    version = 5
    in_worker = True

    stage: StageParams
    system: System
    backbone: BackboneParams
    """How a prompt becomes the model's input: limits, frame of the prompt, number format."""
    model: "Model"
    data: Sample
    validation: Sample | None
    """The sample by whose loss the weights are chosen; None for another choice."""

    def identity(self) -> dict[str, Any]:
        """Return the recipe, the choice of weights and what the model reads and writes."""
        return {
            "train": values(self.stage.train),
            "choose": values(self.stage.choose, without={"data"}),
            **reads_and_writes(
                self.backbone, system_values(self.system, without=self.system.ONLY_IN_TESTS)
            ),
        }

    def inputs(self) -> dict[str, Step]:
        """Return model, sentences, and the sentences that choose the weights."""
        chosen_by = {"validation": self.validation} if self.validation else {}
        return {"model": self.model, "data": self.data, **chosen_by}


@dataclass(frozen=True, eq=False, kw_only=True)
class Fit(Step):
    """Values of decoding, fitted to the sentences by which the weights of a stage were chosen."""

    kind = "fit"
    version = 1
    in_worker = True

    model: Train
    decode: DecodeParams
    """What is fitted, and how is decoded besides."""
    scoring: ScoringParams
    """Intervals, without which no value is better than another."""

    @property
    def data(self) -> Sample:
        """The sample that the sentences are part of, or are."""
        return self.model.validation or self.model.data

    def identity(self) -> dict[str, Any]:
        """Return the decoding, intervals and what the model reads and writes."""
        system = system_values(self.model.system, without=self.model.system.ONLY_IN_TRAINING)
        return {
            "decode": values(self.decode),
            "scoring": values(self.scoring, without={"left_out"}),
            **reads_and_writes(self.model.backbone, system),
        }

    def inputs(self) -> dict[str, Step]:
        """Return model and sentences."""
        return {"model": self.model, "data": self.data}


@dataclass(frozen=True, eq=False, kw_only=True)
class Generate(Step):
    """What a checkpoint writes for a set of sentences."""

    kind = "generate"
    version = 4
    in_worker = True

    model: "Model"
    data: Sample
    system: System
    backbone: BackboneParams
    """As of the step train."""
    decode: DecodeParams
    fit: Fit | None = None
    """Gives the values of `decode` that are fitted."""

    def identity(self) -> dict[str, Any]:
        """Return the decoding and what the model reads and writes."""
        return {
            "decode": values(self.decode),
            **reads_and_writes(
                self.backbone, system_values(self.system, without=self.system.ONLY_IN_TRAINING)
            ),
        }

    def inputs(self) -> dict[str, Step]:
        """Return model and sentences, and the fit of the decoding."""
        fit = {"fit": self.fit} if self.fit else {}
        return {"model": self.model, "data": self.data, **fit}


@dataclass(frozen=True, eq=False, kw_only=True)
class Ask(Step):
    """What an endpoint answers about a set of sentences."""

    kind = "ask"
    version = 1
    in_worker = True

    model: Endpoint
    data: Sample
    system: ChatSystem

    def identity(self) -> dict[str, Any]:
        """Return what is asked; how it is asked is in no key."""
        return system_values(self.system)

    def inputs(self) -> dict[str, Step]:
        """Return endpoint and sentences."""
        return {"model": self.model, "data": self.data}


Model = Backbone | Train | Stored


def plan_backbone(params: BackboneParams, *, sentences: Sequence[Sample]) -> Backbone:
    """Return the step that imports a model which gner did not train.

    Of a folder only the files that are read count; others are often rewritten, or large.

    Args:
        sentences: all that the experiment trains on; only a random model reads them.

    Raises:
        InputError: for a local folder without a file of a model, or with an index of weights that
            cannot be read.
    """
    files = None
    if isinstance(params.source, FolderSource):
        folder = Path(params.source.path)
        found = model_files(folder)
        if not found:
            raise InputError(f"{folder}: no such folder, or it holds no file of a model")
        files = {file.name: file_digest(file) for file in found}
    learned_from = tuple(sentences) if isinstance(params.source, RandomSource) else ()
    return Backbone(title=params.name, params=params, files=files, sentences=learned_from)


def plan_ask(system: ChatSystem, *, title: str, data: Sample) -> Ask:
    """Return the step that asks an endpoint about the sentences of a test."""
    url, model = system.base_url, system.model
    endpoint = Endpoint(title=f"{model} at {url}", base_url=url, model=model)
    return Ask(title=title, model=endpoint, data=data, system=system)


def shown_model(step: Train | Generate | Ask) -> tuple[str, int | None]:
    """Return name and parameters of a step's model for reports; those of an endpoint are not known."""
    if isinstance(step, Ask):
        return step.system.model, None
    return step.backbone.name, step.backbone.parameters


def backbone_of(model: Model | Endpoint) -> Backbone | Stored | Endpoint:
    """Return the model from which the first training of a chain starts."""
    while isinstance(model, Train):
        model = model.model
    return model


def system_values(system: System, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Return what determines the results of a system: its params, with the content of its files.

    Args:
        without: fields that do not matter.

    Raises:
        InputError: for a file that is not there.
    """
    found = values(system, without=without)
    for name in {*system.FILES} & found.keys():
        file = system.file_of(name)
        found[name] = None if file is None else _digest_of(file, f"system.{name}")
    if isinstance(system, GnerSystem):
        names = {"type_names": found["type_names"]} if "type_names" in found else {}
        return {"target": values(system.target), **names}
    package = {"package": gliner_identity()} if isinstance(system, GlinerSystem) else {}
    return {"system": found, "version": TEXTS_VERSION, **package}


def _digest_of(file: Path, key: str) -> str:
    if not file.is_file():
        raise InputError(f"{file}: no such file; {key} names it")
    return file_digest(file)


def reads_and_writes(backbone: BackboneParams, system: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the weights do not determine: prompts, limits, number format, the system."""
    without = WEIGHTS_SAY if "target" in system else (*WEIGHTS_SAY, *FRAME)
    return {"backbone": values(backbone, without=without), **system}
