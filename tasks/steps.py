"""Steps: what determines an artifact, and the key that follows from it.

Owns step names, their versions and the identity of each kind of step: which params and inputs
change its result. What only changes how it is computed never enters. Does not own what a step
does (`tasks.data`, `tasks.models`, `tasks.results`) or their order (`tasks.plan`).

Example:
    >>> step = Step("sample", "adaptation", {"seed": 1}, inputs={})
    >>> step.ref.path.startswith("sample/")
    True
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from gner_core.corpora.prepare import corpus_files, corpus_folder
from gner_core.corpus_params import CorpusParams, Model
from gner_core.errors import InputError
from gner_core.fingerprint import file_sha256, fingerprint
from gner_core.params import (
    BackboneParams,
    DecodeParams,
    Experiment,
    FolderSource,
    MatchParams,
    RandomSource,
    SampleParams,
    TrainParams,
)
from gner_core.store import ArtifactRef

VERSIONS = {
    "backbone": 1,
    "corpus": 1,
    "generate": 1,
    "report": 1,
    "sample": 1,
    "score": 1,
    "train": 1,
}
"""Raise a number in the commit that changes what the step writes."""


@dataclass(frozen=True, eq=False)
class Step:
    """A step that can be run: its kind, a title for people, its identity and its inputs."""

    kind: str
    title: str
    identity: Mapping[str, Any]
    inputs: Mapping[str, "Step"] = field(default_factory=dict)

    @property
    def in_worker(self) -> bool:
        """Say whether the step needs a model, and so a child process."""
        return self.kind in ("backbone", "train", "generate")

    @cached_property
    def ref(self) -> ArtifactRef:
        """The artifact that the step makes."""
        identity = {
            "step": self.kind,
            "version": VERSIONS[self.kind],
            "params": dict(self.identity),
            "inputs": {name: step.ref.path for name, step in self.inputs.items()},
        }
        return ArtifactRef(self.kind, fingerprint(identity))


NOT_IDENTITY = {
    *("files", "licence", "origin", "redistributable", "roles", "pins", "sources", "obtain"),
    *("table8", "deviations"),
}
"""What a catalog entry says about a corpus without changing what is read from its files."""


def corpus_step(name: str, corpus: CorpusParams, data_root: str) -> Step:
    """Prepare one corpus. The files count by content, not by name or place."""
    folder = corpus_folder(data_root)
    corpus_files(corpus, folder)
    digests = {
        split: [file_sha256(folder / file) for file in files]
        for split, files in corpus.files.items()
    }
    identity = _values(corpus, leave_out=NOT_IDENTITY)
    return Step("corpus", name, {**identity, "name": name, "files": digests})


def sample_step(title: str, sample: SampleParams, corpora: Mapping[str, Step]) -> Step:
    """Draw the sentences of a training stage or of an evaluation."""
    inputs = {name: corpora[name] for name in sample.corpora}
    return Step("sample", title, _values(sample, leave_out=set()), inputs)


def backbone_step(backbone: BackboneParams, data_root: str, samples: Mapping[str, Step]) -> Step:
    """Bring the pretrained model into the store. A local folder counts by content."""
    source = backbone.source
    identity = _values(source, leave_out=set())
    inputs: Mapping[str, Step] = {}
    if isinstance(source, FolderSource):
        folder = Path(data_root) / source.path
        files = sorted(file for file in folder.glob("*") if file.is_file())
        if not files:
            raise InputError(f"{folder}: no such model folder, or it is empty")
        identity = {"kind": "folder", "files": {file.name: file_sha256(file) for file in files}}
    elif isinstance(source, RandomSource):
        inputs = samples  # its tokenizer is learned from them
    return Step("backbone", backbone.name, identity, inputs)


def train_step(
    title: str, train: TrainParams, backbone: BackboneParams, *, model: Step, data: Step
) -> Step:
    """Train one stage from a backbone or an earlier stage."""
    identity = {"train": _values(train, leave_out=set()), "backbone": _conventions(backbone)}
    return Step("train", title, identity, {"model": model, "data": data})


def generate_step(
    title: str, decode: DecodeParams, backbone: BackboneParams, *, model: Step, data: Step
) -> Step:
    """Let a checkpoint write its answers for a set of sentences."""
    identity = {"decode": _values(decode, leave_out=set()), "backbone": _conventions(backbone)}
    return Step("generate", title, identity, {"model": model, "data": data})


def score_step(title: str, match: MatchParams, predictions: Step) -> Step:
    """Align and score what was generated."""
    return Step("score", title, _values(match, leave_out=set()), {"predictions": predictions})


def report_step(experiment: Experiment, inputs: Mapping[str, Step]) -> Step:
    """Write the page that shows everything."""
    identity = {
        "experiment": experiment.name,
        "backbone": experiment.backbone.name,
        "parameters": experiment.backbone.parameters,
        "licences": {name: corpus.licence for name, corpus in experiment.corpora.items()},
        **_values(experiment.report, leave_out=set()),
    }
    return Step("report", experiment.name, identity, inputs)


def _conventions(backbone: BackboneParams) -> dict[str, Any]:
    """Return what a checkpoint's weights do not say: prompts, limits, number format."""
    return _values(backbone, leave_out={"name", "parameters", "source"})


def _values(model: Model, leave_out: set[str]) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude=leave_out)
