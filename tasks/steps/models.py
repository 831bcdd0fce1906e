"""The steps that need a model: a backbone, a training, a stored checkpoint, a generation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gner_core.config.backbone import BackboneParams, FolderSource, RandomSource
from gner_core.config.system import DecodeParams, TargetForm
from gner_core.config.training import StageParams
from gner_core.errors import InputError
from gner_core.store.artifacts import ArtifactRef
from tasks.steps.data import Sample, file_digest
from tasks.steps.step_key import Step, values

WEIGHTS_SAY = ("name", "parameters", "source", "shape")
"""Fields of a backbone's params that its weights determine; the others form its input."""


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
class Train(Step):
    """One training stage, from a backbone or from another checkpoint."""

    kind = "train"
    version = 5
    in_worker = True

    stage: StageParams
    target: TargetForm
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
            **_reads_and_writes(self.backbone, self.target),
        }

    def inputs(self) -> dict[str, Step]:
        """Return model, sentences, and the sentences that choose the weights."""
        chosen_by = {"validation": self.validation} if self.validation else {}
        return {"model": self.model, "data": self.data, **chosen_by}


@dataclass(frozen=True, eq=False, kw_only=True)
class Generate(Step):
    """What a checkpoint writes for a set of sentences."""

    kind = "generate"
    version = 3
    in_worker = True

    model: "Model"
    data: Sample
    target: TargetForm
    backbone: BackboneParams
    """As of the step train."""
    decode: DecodeParams

    def identity(self) -> dict[str, Any]:
        """Return the decoding and what the model reads and writes."""
        return {"decode": values(self.decode), **_reads_and_writes(self.backbone, self.target)}

    def inputs(self) -> dict[str, Step]:
        """Return model and sentences."""
        return {"model": self.model, "data": self.data}


Model = Backbone | Train | Stored


def plan_backbone(params: BackboneParams, *, sentences: Sequence[Sample]) -> Backbone:
    """Return the step that imports a pretrained model.

    Args:
        sentences: all that the experiment trains on; only a random model reads them.

    Raises:
        InputError: for a local folder that is missing or empty.
    """
    files = None
    if isinstance(params.source, FolderSource):
        folder = Path(params.source.path)
        found = sorted(file for file in folder.glob("*") if file.is_file())
        if not found:
            raise InputError(f"{folder}: no such model folder, or it is empty")
        files = {file.name: file_digest(file) for file in found}
    learned_from = tuple(sentences) if isinstance(params.source, RandomSource) else ()
    return Backbone(
        title=params.name,
        params=params,
        files=files,
        sentences=learned_from,
    )


def backbone_of(model: Model) -> Backbone | Stored:
    """Return the model from which the first training of a chain starts."""
    while isinstance(model, Train):
        model = model.model
    return model


def _reads_and_writes(backbone: BackboneParams, target: TargetForm) -> dict[str, Any]:
    """Return what the weights do not determine: prompts, limits, number format, targets."""
    return {"backbone": values(backbone, without=WEIGHTS_SAY), "target": values(target)}
