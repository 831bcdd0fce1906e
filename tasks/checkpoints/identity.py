"""A checkpoint is identified by its content: copies in two folders are one checkpoint."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from gner_core.config.checkpoint import DESCRIPTION, Description, description_of
from gner_core.errors import InputError
from gner_core.hub import snapshot
from gner_core.store.artifacts import MANIFEST, ArtifactRef, Store
from gner_core.store.fingerprint import file_sha256
from tasks.checkpoints.find import checkpoint_named, find_checkpoint
from tasks.steps.models import Stored

TRAIN = "train"
NOT_CONTENT = (".*", "*.log", "*.jsonl", "*.md", "summary.json", DESCRIPTION, MANIFEST)
"""Files in a checkpoint's folder on which its answers do not depend. What gner.json says of prompts
and limits is in the identity of the step generate."""
WEIGHTS = "*.safetensors"


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
        found = description_of(location if isinstance(location, Path) else store.fetch(location))
        if found.target is None:
            raise InputError(f"{self.where}: a backbone that was not trained to write entities")
        return found


def named(name: str, store: Store) -> Checkpoint:
    """Return the checkpoint that a name means, see `checkpoint_named`.

    Raises:
        InputError: when there is no such checkpoint.
    """
    found = checkpoint_named(name, store)
    if isinstance(found, ArtifactRef):
        return published(found, store)
    folder = found.resolve()
    ref = _in_store(folder, store)
    return published(ref, store) if ref else in_folder(folder)


def on_hub(repo: str, revision: str) -> Checkpoint:
    """Return a checkpoint of the Hugging Face hub, fetched if need be.

    Raises:
        InputError: when it cannot be fetched, or is no checkpoint of gner.
    """
    return in_folder(find_checkpoint(str(snapshot(repo, revision))))


def below(folder: Path) -> list[Path]:
    """Return the folders of checkpoints in and below a folder.

    Raises:
        InputError: when there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: scan.folders names it, and there is no such folder")
    return sorted(file.parent for file in folder.resolve().rglob(DESCRIPTION))


def registered(step: str | None, where: str, store: Store) -> Checkpoint:
    """Return a checkpoint that the registry knows.

    Args:
        step: path of the step that published it; `where` its folder.

    Raises:
        InputError: when this machine cannot read it.
    """
    ref = ArtifactRef(*step.split("/", 1)) if step else None
    if ref and store.has(ref):
        return published(ref, store)
    if not (Path(where) / DESCRIPTION).is_file():
        raise InputError(f"{where}: registered, and not there or not to be seen from this machine")
    return in_folder(Path(where))


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


def in_folder(folder: Path) -> Checkpoint:
    """Return the checkpoint of a folder; its files are read whole.

    Raises:
        InputError: when it holds no safetensors weights.
    """
    kept = [file for file in folder.iterdir() if file.is_file() and _matters(file.name)]
    files = {file.name: file_sha256(file) for file in kept}
    written = datetime.fromtimestamp((folder / DESCRIPTION).stat().st_mtime, UTC)
    created = written.isoformat(timespec="microseconds")  # two may be of one second
    return _checkpoint(folder.name, files, folder, where=str(folder), stage=None, created=created)


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
