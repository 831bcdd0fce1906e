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
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol

from gner_core.backbone_params import BackboneParams, FolderSource, RandomSource
from gner_core.corpora.fetch.shelf import Shelf
from gner_core.corpora.prepare import corpus_folder, split_files
from gner_core.corpus_params import CorpusParams, Model, Split
from gner_core.errors import InputError
from gner_core.execution_params import ExecutionParams
from gner_core.fingerprint import file_sha256, fingerprint
from gner_core.params import (
    DecodeParams,
    Experiment,
    MatchParams,
    SampleParams,
    StageParams,
    TargetForm,
)
from gner_core.reevaluation_params import ComparisonParams
from gner_core.store import ArtifactRef
from tasks.home import corpora_cache
from tasks.provenance import facts

CACHE = "cache"
"""The `data_root` that stands for the folder of fetched corpora."""

NOT_FETCHED = "not fetched"
"""Stands in a provisional key for the hash of files that have no pin and are not here yet."""

VERSIONS = {
    "backbone": 2,
    "checkpoint": 1,
    "compare": 1,
    "corpus": 3,
    "generate": 3,
    "report": 6,
    "sample": 2,
    "score": 4,
    "sweep-report": 2,
    "train": 5,
}
"""Raise a number in the commit that changes what the step writes."""


class Setting(Protocol):
    """What steps need to know of an experiment, or of the re-evaluation of one checkpoint."""

    @property
    def data_root(self) -> str:
        """Folder of the corpus files."""

    @property
    def corpora(self) -> Mapping[str, CorpusParams]:
        """The catalog."""

    @property
    def backbone(self) -> BackboneParams:
        """How a prompt becomes the model's input."""

    @property
    def target(self) -> TargetForm:
        """What the model writes."""

    @property
    def decode(self) -> DecodeParams:
        """How text is generated."""

    @property
    def match(self) -> MatchParams:
        """How text becomes tags."""

    @property
    def execution(self) -> ExecutionParams:
        """How the work is done."""


@dataclass(frozen=True, eq=False)
class Step:
    """A step that can be run: its kind, a title for people, its identity and its inputs."""

    kind: str
    title: str
    identity: Mapping[str, Any]
    inputs: Mapping[str, "Step"] = field(default_factory=dict)
    place: ArtifactRef | Path | None = None
    """Where its content is, if not in the store under the step's own key."""

    @property
    def in_worker(self) -> bool:
        """Say whether the step needs a model, and so a child process."""
        return self.kind in ("backbone", "train", "generate")

    @cached_property
    def unfetched(self) -> tuple[str, ...]:
        """Corpora whose files must be fetched before the key is known: until then it is provisional."""
        below = [name for step in self.inputs.values() for name in step.unfetched]
        own = [self.title] if NOT_FETCHED in self.identity.get("files", {}).values() else []
        return tuple(dict.fromkeys(own + below))

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


def about(step: Step) -> dict[str, Any]:
    """Return what the manifest of a step's artifact says beside its files."""
    return {
        "title": step.title,
        "identity": dict(step.identity),
        "inputs": {name: given.ref.path for name, given in step.inputs.items()},
        **facts(),
    }


NOT_IDENTITY = {
    *("files", "licence", "origin", "redistributable", "roles", "pins", "sources", "obtain"),
    *("table8", "deviations"),
}
"""What a catalog entry says about a corpus without changing what is read from its files."""


def corpus_step(name: str, corpus: CorpusParams, data_root: str) -> Step:
    """Prepare one corpus. The files count by content, not by name or place.

    In the cache a pinned file has the pinned bytes, so the key is known before it is fetched.
    Without pins the step says that it is `unfetched`, and cannot run yet.

    Raises:
        InputError: for a file that is missing elsewhere, or not the one that is pinned.
    """
    folder = corpus_place(name, corpus, data_root)
    digests: dict[Split, list[str] | str] = {
        split: _digests(corpus, folder, split=split, in_cache=data_root == CACHE)
        for split in corpus.files
    }
    identity = _values(corpus, leave_out=NOT_IDENTITY)
    return Step("corpus", name, {**identity, "name": name, "files": digests})


def refuse_unfetched(step: Step) -> None:
    """Stop before a step is built under a key that is not its own yet.

    Raises:
        InputError: while files that determine the key are not here.
    """
    if step.unfetched:
        names = " ".join(step.unfetched)
        raise InputError(f"{names}: not fetched yet; do it with: gner data fetch {names}")


def corpus_place(name: str, corpus: CorpusParams, data_root: str) -> Path:
    """Return the folder that holds the files of a corpus, or will hold them once fetched."""
    if data_root == CACHE:
        return Shelf(corpora_cache(), name, corpus).root
    return corpus_folder(data_root)


def _digests(
    corpus: CorpusParams, folder: Path, *, split: Split, in_cache: bool
) -> list[str] | str:
    paths = sorted(corpus.files[split])
    if in_cache and all(path in corpus.pins for path in paths):
        return [corpus.pins[path].sha256 for path in paths]
    if in_cache and not all((folder / path).exists() for path in paths):
        return NOT_FETCHED
    digests = []
    for file in split_files(corpus, folder, split=split):
        digest = _sha256(file, *_state(file))
        pin = corpus.pins.get(file.relative_to(folder).as_posix())
        if pin and pin.sha256 != digest:
            raise InputError(
                f"{file}: not the bytes that the catalog pins; get the file again, "
                "or take its pin out to use your own version"
            )
        digests.append(digest)
    return digests


@cache
def _sha256(file: Path, _size: int, _changed: int) -> str:
    """Return the hash of a file; the many points of a sweep read it once."""
    return file_sha256(file)


def _state(file: Path) -> tuple[int, int]:
    stat = file.stat()
    return stat.st_size, stat.st_mtime_ns


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
    title: str,
    stage: StageParams,
    experiment: Experiment,
    *,
    model: Step,
    data: Step,
    validation: Step | None,
) -> Step:
    """Train one stage from a backbone or an earlier stage.

    `validation` are the sentences by which weights are chosen, where they are a sample.
    """
    identity = {
        "train": _values(stage.train, leave_out=set()),
        "choose": _values(stage.choose, leave_out={"data"}),
        **_asked(experiment),
    }
    chosen_by = {"validation": validation} if validation else {}
    return Step("train", title, identity, {"model": model, "data": data, **chosen_by})


def checkpoint_step(title: str, files: Mapping[str, str], place: ArtifactRef | Path) -> Step:
    """Name a checkpoint by its content alone, wherever it is and whoever made it.

    Args:
        files: name → SHA-256 of each file that its answers depend on.
        place: where it is; it is not copied.
    """
    return Step("checkpoint", title, {"files": dict(files)}, place=place)


def generate_step(title: str, setting: Setting, *, model: Step, data: Step) -> Step:
    """Let a checkpoint write its answers for a set of sentences."""
    identity = {"decode": _values(setting.decode, leave_out=set()), **_asked(setting)}
    return Step("generate", title, identity, {"model": model, "data": data})


def score_step(title: str, setting: Setting, predictions: Step) -> Step:
    """Align and score what was generated."""
    identity = {
        "match": _values(setting.match, leave_out=set()),
        "target": _values(setting.target, leave_out=set()),
    }
    return Step("score", title, identity, {"predictions": predictions})


def compare_step(
    title: str,
    comparison: ComparisonParams,
    *,
    champion: Mapping[str, Step],
    candidate: Mapping[str, Step],
) -> Step:
    """Compare two checkpoints by their scored sentences.

    Args:
        champion: test → its step score; `candidate` the same of the other one.
    """
    inputs = {
        **{f"champion {test}": step for test, step in champion.items()},
        **{f"candidate {test}": step for test, step in candidate.items()},
    }
    return Step("compare", title, _values(comparison, leave_out=set()), inputs)


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


def _asked(setting: Setting) -> dict[str, Any]:
    """Return what a checkpoint's weights do not say: prompts, limits, number format, targets."""
    return {
        "backbone": _values(setting.backbone, leave_out={"name", "parameters", "source", "shape"}),
        "target": _values(setting.target, leave_out=set()),
    }


def _values(model: Model, leave_out: set[str]) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude=leave_out)
