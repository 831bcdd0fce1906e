"""A checkpoint is identified by its content: copies in two folders are one checkpoint."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from gner_core.config.checkpoint import DESCRIPTION, Description, description_of
from gner_core.config.model_file import ModelFile
from gner_core.config.reading.models import About, foreign_model
from gner_core.errors import InputError
from gner_core.hub import has_weights, model_files
from gner_core.store.artifacts import MANIFEST, ArtifactRef, Store
from gner_core.store.fingerprint import file_sha256
from tasks.checkpoints.find import checkpoint_named, own_on_hub
from tasks.checkpoints.foreign import pinned_and_said, weights_of
from tasks.checkpoints.registry import ABOUT, STEP, WHERE
from tasks.steps.models import Stored

NOT_CONTENT = (".*", "*.log", "*.jsonl", "*.md", "summary.json", DESCRIPTION, MANIFEST)
"""Files in a checkpoint's folder on which its answers do not depend. What gner.json says of prompts
and limits is in the identity of the step generate."""
WEIGHTS, CONFIG = "*.safetensors", "config.json"


@dataclass(frozen=True)
class Checkpoint:
    """A trained model that can be evaluated."""

    step: Stored
    """The hashes of its files, and where they are read."""
    where: str
    """For people and other programs: its folder, or its URL in a remote store."""
    stage: str | None
    """Title of the training stage that made it, where that is known."""
    created: str
    """ISO time, UTC."""
    about: Description | None = None
    """What a foreign checkpoint is; None for one with a gner.json."""

    @property
    def key(self) -> str:
        """The hash of its content."""
        return self.step.ref.key

    @property
    def name(self) -> str:
        """A short name: the stage or folder, and the beginning of the key."""
        return self.step.title

    @property
    def trained_by(self) -> ArtifactRef | None:
        """The step that published it, if it is in the store."""
        return at if isinstance(at := self.step.stored_at, ArtifactRef) else None

    @property
    def weights(self) -> dict[str, str]:
        """File → SHA-256 of its weights."""
        files = self.step.files
        return {name: digest for name, digest in files.items() if fnmatch(name, WEIGHTS)}

    def description(self, store: Store) -> Description:
        """Return what its gner.json says.

        Raises:
            InputError: when it was not trained, is damaged or cannot be read.
        """
        location = self.step.stored_at
        found = self.about or description_of(store.folder(location))
        if found.trained_for is None:
            raise InputError(f"{self.where}: a backbone that was not trained to write entities")
        return found


def named(name: str, store: Store, *, about: About | None = None) -> Checkpoint:
    """Return the checkpoint that a name means; a foreign one is fetched and imported if need be.

    Args:
        name: as for `checkpoint_named`, or of a foreign checkpoint (`foreign_model`).
        about: what a foreign checkpoint is.

    Raises:
        InputError: when there is no such checkpoint, or nothing says what it is.
    """
    if model := foreign_model(name, about):
        return of_model(model, store)
    found = checkpoint_named(name, store)
    if isinstance(found, ArtifactRef):
        return published(found, store)
    folder = found.resolve()
    ref = _in_store(folder, store)
    return published(ref, store) if ref else in_folder(folder)


def of_model(model: ModelFile, store: Store) -> Checkpoint:
    """Return a foreign checkpoint, fetched and imported if need be.

    Raises:
        InputError: when it cannot be fetched or read.
    """
    model = pinned_and_said(model)
    where, about = weights_of(model, store), model.description()
    if isinstance(where, Path):
        return in_folder(where, about)
    return replace(published(where, store), about=about, stage=None)


def on_hub(repo: str, revision: str) -> Checkpoint:
    """Return a checkpoint of gner on the Hugging Face hub, fetched if need be.

    Raises:
        InputError: when it cannot be fetched, or is no checkpoint of gner.
    """
    return in_folder(own_on_hub(repo, revision))


def below(folder: Path) -> list[Path]:
    """Return the folders of checkpoints in and below a folder.

    Raises:
        InputError: when there is no such folder.
    """
    return _folders_with(DESCRIPTION, folder, key="scan.folders")


def foreign_below(folder: Path) -> list[Path]:
    """Return the folders of foreign checkpoints in and below a folder.

    Raises:
        InputError: when there is no such folder.
    """
    found = _folders_with(CONFIG, folder, key="scan.foreign")
    return [one for one in found if not (one / DESCRIPTION).exists() and has_weights(one)]


def _folders_with(file: str, folder: Path, *, key: str) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: {key} names it, and there is no such folder")
    return sorted(found.parent for found in folder.resolve().rglob(file))


def registered(tags: Mapping[str, str], store: Store) -> Checkpoint:
    """Return a checkpoint that the registry knows by the tags of its version.

    Raises:
        InputError: when this machine cannot read it.
    """
    step, where = tags.get(STEP), tags[WHERE]
    about = Description.model_validate_json(tags[ABOUT]) if ABOUT in tags else None
    ref = ArtifactRef.at(step) if step else None
    if ref and store.has(ref):
        found = published(ref, store)
        return replace(found, about=about, stage=None) if about else found
    if not (Path(where) / DESCRIPTION).is_file() and not (about and Path(where).is_dir()):
        raise InputError(f"{where}: registered, and not there or not to be seen from this machine")
    return in_folder(Path(where), about)


def distinct(found: Iterable[Checkpoint]) -> list[Checkpoint]:
    """Return each checkpoint once, the oldest first; of several copies the first one counts."""
    once: dict[str, Checkpoint] = {}
    for checkpoint in found:
        once.setdefault(checkpoint.key, checkpoint)
    return sorted(once.values(), key=lambda one: (one.created, one.key))


def published(ref: ArtifactRef, store: Store) -> Checkpoint:
    """Return the checkpoint that a step published; of a remote store only the manifest is read.

    Raises:
        InputError: when the manifest cannot be read.
    """
    manifest = store.manifest(ref)
    files = {name: entry["sha256"] for name, entry in manifest["files"].items()}
    where = store.objects.url(ref.path)
    stage = str(manifest["title"])
    return _checkpoint(stage, files, ref, where=where, stage=stage, created=manifest["created"])


def in_folder(folder: Path, about: Description | None = None) -> Checkpoint:
    """Return the checkpoint of a folder; its files are read whole.

    Args:
        about: what a foreign checkpoint is: it has no gner.json, and other files of a training beside
            those of the model.

    Raises:
        InputError: when it holds no safetensors weights.
    """
    kept = [file for file in folder.iterdir() if file.is_file() and _matters(file.name)]
    if about:
        kept = [file for file in model_files(folder) if _matters(file.name)]
    files = {file.name: file_sha256(file) for file in kept}
    dated = [*folder.glob(WEIGHTS)] if about else [folder / DESCRIPTION]
    changed = max((file.stat().st_mtime for file in dated), default=0.0)
    created = datetime.fromtimestamp(changed, UTC).isoformat(timespec="microseconds")
    facts = {"stage": None, "created": created, "about": about}  # two may be of one second
    return _checkpoint(folder.name, files, folder, where=str(folder), **facts)


def _checkpoint(
    title: str, files: Mapping[str, str], location: ArtifactRef | Path, **facts: Any
) -> Checkpoint:
    kept = {name: digest for name, digest in sorted(files.items()) if _matters(name)}
    if not any(fnmatch(name, WEIGHTS) for name in kept):
        raise InputError(f"{facts['where']}: holds no safetensors weights")
    key = Stored(title=title, files=kept, stored_at=location).ref.key
    name = f"{re.sub(r'[^a-z0-9]+', '-', title.lower())}-{key[:8]}"
    return Checkpoint(Stored(title=name, files=kept, stored_at=location), **facts)


def _matters(name: str) -> bool:
    return not any(fnmatch(name, pattern) for pattern in NOT_CONTENT)


def _in_store(folder: Path, store: Store) -> ArtifactRef | None:
    """Return the artifact whose folder it is, in a local store."""
    ref = ArtifactRef(folder.parent.name, folder.name)
    here = store.objects.is_local and folder == Path(store.objects.url(ref.path)).resolve()
    return ref if here and store.has(ref) else None
