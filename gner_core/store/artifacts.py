"""A content-addressed store of artifacts: `<root>/<step>/<key>/`, visible only when complete.

On a local disk an artifact is a folder that is renamed into place. An object store cannot rename:

    <step>/<key>/manifest.json               written last, and only where there is none
    <step>/<key>/attempts/<attempt>/…        the files; the manifest names the attempt that counts
    <step>/<key>/lease.json                  while a machine builds it

So two machines that build the same artifact never mix their files. In either form, an artifact
without a manifest does not exist.

Always local, below `scratch`: locks, unfinished work (training checkpoints, generated parts), and
copies of remote artifacts, which may be deleted at any time. Unfinished work is resumed only on the
machine where it began.
"""

import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Any, Self
from uuid import uuid4

from gner_core.errors import InputError, Stopped
from gner_core.runtime.files import put_folder, replacing_folder, write_file
from gner_core.runtime.locks import file_lock
from gner_core.store.fingerprint import file_sha256
from gner_core.store.lease import leased
from gner_core.store.objects import Objects

MANIFEST = "manifest.json"
LEASE = "lease.json"
ATTEMPTS = "attempts"
UNFINISHED = "unfinished"
DOWNLOADS = 3
"""Attempts to get a file whole."""


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """The name of an artifact: the step that makes it and the hash of all that determines it."""

    step: str
    key: str

    @classmethod
    def at(cls, path: str) -> Self:
        """Return the artifact with a path, `STEP/KEY`."""
        return cls(*path.split("/", 1))

    @property
    def path(self) -> str:
        """Its path below the store's root."""
        return f"{self.step}/{self.key}"


class Store:
    """Artifacts below one fsspec URL, with a local scratch folder."""

    def __init__(self, root: str, *, scratch: Path) -> None:
        """Open a store; nothing is created before the first artifact.

        Args:
            root: a folder or an fsspec URL such as `s3://bucket/gner`, without credentials.
            scratch: a local folder for locks, unfinished work and copies of remote artifacts.

        Raises:
            InputError: for a URL that cannot be one of a store.
        """
        self.objects = Objects(root)
        self.scratch = scratch.absolute()

    @property
    def url(self) -> str:
        """The URL of the store, or the path of a local one."""
        return self.objects.url()

    def has(self, ref: ArtifactRef) -> bool:
        """Say whether the artifact is published.

        Raises:
            InputError: when the store cannot be reached.
        """
        return self.objects.exists(f"{ref.path}/{MANIFEST}")

    def published(self, step: str) -> list[ArtifactRef]:
        """Return all published artifacts of a step, by key."""
        found = [ArtifactRef(step, key) for key in self.objects.entries(step)]
        return [ref for ref in found if self.has(ref)]

    def manifest(self, ref: ArtifactRef) -> dict[str, Any]:
        """Return the manifest of a published artifact.

        Raises:
            InputError: when the artifact is not published or its manifest cannot be read.
        """
        name = f"{ref.path}/{MANIFEST}"
        url = self.objects.url(name)
        try:
            found: dict[str, Any] = json.loads(self.objects.read(name))
        except FileNotFoundError:
            raise InputError(f"{url}: no such artifact; run the step again") from None
        except ValueError as error:
            raise InputError(f"{url}: damaged ({error}); delete it, run again") from None
        if not self.objects.is_local and "attempt" not in found:
            raise InputError(f"{url}: names no attempt; delete it, run again")
        return found

    def fetch(self, ref: ArtifactRef) -> Path:
        """Return a local folder with the artifact's files, copied from a remote store if need be.

        Raises:
            InputError: when it is not published, or a file is not what was recorded.
        """
        manifest = self.manifest(ref)
        if not self.objects.is_local:
            return self._copy(ref, manifest)
        folder = Path(self.objects.url(ref.path))
        for name, entry in manifest["files"].items():
            file = folder / name
            if not _has_size(file, entry):
                raise InputError(f"{file}: missing or damaged; delete {folder} and run again")
        return folder

    def folder(self, where: "ArtifactRef | Path") -> Path:
        """Return the local folder of an artifact, as `fetch`, or a folder elsewhere as it is."""
        return where if isinstance(where, Path) else self.fetch(where)

    @contextmanager
    def publish(self, ref: ArtifactRef, *, about: dict[str, Any]) -> Iterator[Path]:
        """Yield an empty folder to fill; publish it when the block ends without an error.

        Call it under `lock`. `about`, as it is at the end of the block, goes into the manifest,
        with the sizes and SHA-256 sums of all files, the time and the seconds that the block took.
        After an error nothing is left behind. Where another machine was first, its artifact stays.
        """
        self._clear(ref)
        folder = self._staging(ref)
        folder.mkdir(parents=True)
        started = time.monotonic()
        try:
            yield folder
            manifest = {
                **about,
                "step": ref.step,
                "key": ref.key,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "files": _inventory(folder),
            }
            manifest.setdefault("seconds", round(time.monotonic() - started, 3))
            _share(folder)
            if self.objects.is_local:
                self._move_into_place(folder, ref, manifest)
            else:
                self._upload(folder, ref, manifest)
        finally:
            self._clear(ref)

    @contextmanager
    def lock(
        self,
        ref: ArtifactRef,
        *,
        given_up: Event | None = None,
        on_wait: Callable[[str], object] = len,
    ) -> Iterator[None]:
        """Hold the right to build `ref`; others wait.

        Among the processes of this machine it is a file lock, among machines that share a remote
        store a lease (see `gner_core.store.lease`). `on_wait` is called with a line that names the
        machine that is waited for.

        Raises:
            Stopped: when `given_up` was set while another process held the right.
        """
        with ExitStack() as stack:
            stack.enter_context(self._locked(f"{ref.step}-{ref.key}", given_up))
            if not self.objects.is_local and not self.has(ref):

                def published() -> bool:
                    if given_up is not None and given_up.is_set():
                        raise Stopped(f"{ref.path}: another machine builds it; not waited for")
                    return self.has(ref)

                lease = leased(
                    self.objects,
                    f"{ref.path}/{LEASE}",
                    machine=f"{socket.gethostname()}-{self._scratch_id}",
                    unless=published,
                    on_wait=on_wait,
                )
                stack.enter_context(lease)
            yield

    def unfinished(self, ref: ArtifactRef) -> Path:
        """Return the scratch folder of a step, kept from attempt to attempt until `discard`."""
        folder = self.scratch / UNFINISHED / ref.step / ref.key
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def begun(self) -> dict[ArtifactRef, list[Path]]:
        """Return the folders of this machine's unfinished work and of its killed attempts, by step."""
        found: dict[ArtifactRef, list[Path]] = {}
        for folder in sorted((self.scratch / UNFINISHED).glob("*/*")):
            found[ArtifactRef(folder.parent.name, folder.name)] = [folder]
        for step in {*self.steps(), *(ref.step for ref in found)}:
            any_key = self._staging(ArtifactRef(step, "*"))
            for folder in any_key.parent.glob(any_key.name):
                key = folder.name.rpartition("-")[2]
                found.setdefault(ArtifactRef(step, key), []).append(folder)
        return found

    def discard(self, ref: ArtifactRef) -> None:
        """Delete what `begun` names of a step; call it under `lock`."""
        shutil.rmtree(self.scratch / UNFINISHED / ref.step / ref.key, ignore_errors=True)
        self._clear(ref)

    def steps(self) -> list[str]:
        """Return the kinds of step of which there are artifacts."""
        return [name for name in self.objects.entries("") if not name.startswith(".")]

    def remove(self, ref: ArtifactRef) -> None:
        """Delete a published artifact, and this machine's copy of it; call it under `lock`."""
        self.objects.remove([f"{ref.path}/{MANIFEST}"])  # from here on it does not exist
        self.objects.remove([*self.objects.sizes(ref.path)])
        if self.objects.is_local:
            shutil.rmtree(self.objects.url(ref.path))
        shutil.rmtree(self.scratch / "copies" / ref.step / ref.key, ignore_errors=True)

    def _staging(self, ref: ArtifactRef) -> Path:
        root = Path(self.objects.url()) if self.objects.is_local else self.scratch
        return root / ".staging" / f"{self._scratch_id}-{ref.step}-{ref.key}"

    def _clear(self, ref: ArtifactRef) -> None:
        """Delete what a failed or killed attempt with this scratch folder has left."""
        folder = self._staging(ref)
        if not folder.exists():
            return
        if not self.objects.is_local:
            valid = f"/{self.manifest(ref)['attempt']}/" if self.has(ref) else None
            mine = self.objects.sizes(f"{ref.path}/{ATTEMPTS}/{self._scratch_id}")
            self.objects.remove([name for name in mine if valid is None or valid not in name])
        shutil.rmtree(folder)

    def _move_into_place(self, folder: Path, ref: ArtifactRef, manifest: dict[str, Any]) -> None:
        (folder / MANIFEST).write_text(_text(manifest))
        target = Path(self.objects.url(ref.path))
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not self.has(ref):
            shutil.rmtree(target)  # half deleted
        try:
            os.rename(folder, target)
        except OSError:
            if not self.has(ref):  # else another process was first, with equal content
                raise

    def _upload(self, folder: Path, ref: ArtifactRef, manifest: dict[str, Any]) -> None:
        attempt = f"{self._scratch_id}/{uuid4().hex[:12]}"
        below = f"{ref.path}/{ATTEMPTS}/{attempt}"
        for name in manifest["files"]:
            self.objects.put(folder / name, f"{below}/{name}")
        there = self.objects.sizes(below)
        for name, entry in manifest["files"].items():
            if there.get(f"{below}/{name}") != entry["size"]:
                url = self.objects.url(f"{below}/{name}")
                raise InputError(f"{url}: was written and is not whole there; run again")
        text = _text({**manifest, "attempt": attempt})
        if self.objects.create(f"{ref.path}/{MANIFEST}", text.encode()):
            put_folder(folder, self._copy_folder(ref, attempt))
        else:  # another machine was first
            self.objects.remove([*there])

    def _copy_folder(self, ref: ArtifactRef, attempt: str) -> Path:
        return self.scratch / "copies" / ref.step / ref.key / attempt

    def _copy(self, ref: ArtifactRef, manifest: dict[str, Any]) -> Path:
        """Return the local copy of a remote artifact; a damaged one is downloaded again."""
        with self._locked(f"copy-{ref.step}-{ref.key}"):
            while True:
                folder = self._copy_folder(ref, manifest["attempt"])
                files = manifest["files"].items()
                if folder.is_dir() and all(_has_size(folder / name, e) for name, e in files):
                    return folder
                try:
                    self._download(ref, manifest, folder)
                except FileNotFoundError as error:
                    now = self.manifest(ref)
                    if now["attempt"] == manifest["attempt"]:
                        raise InputError(
                            f"{error}: named by its manifest and not there; delete "
                            f"{self.objects.url(f'{ref.path}/{MANIFEST}')} and run again"
                        ) from None
                    manifest = now

    def _download(self, ref: ArtifactRef, manifest: dict[str, Any], folder: Path) -> None:
        with replacing_folder(folder) as unfinished:
            for name, entry in manifest["files"].items():
                (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
                source = f"{ref.path}/{ATTEMPTS}/{manifest['attempt']}/{name}"
                self._download_file(ref, source, unfinished / name, entry)

    def _download_file(
        self, ref: ArtifactRef, source: str, file: Path, entry: dict[str, Any]
    ) -> None:
        for _ in range(DOWNLOADS):  # a connection that ends early may go unnoticed
            self.objects.get(source, file)
            if _has_size(file, entry) and file_sha256(file) == entry["sha256"]:
                return
        raise InputError(
            f"{self.objects.url(source)}: content does not match its manifest "
            f"({file.stat().st_size} of {entry['size']} bytes, read {DOWNLOADS} times); delete "
            f"{self.objects.url(f'{ref.path}/{MANIFEST}')} and run again"
        )

    @cached_property
    def _scratch_id(self) -> str:
        """Return a name that only this scratch folder has, whose locks guard what is named by it.

        The name of the machine would not do: a container has another one each time it is made, and
        two users of a machine may share a store.
        """
        file = self.scratch / "id"
        with self._locked("id"):
            if not file.exists():
                write_file(file, uuid4().hex[:12])
        return file.read_text()

    def _locked(self, name: str, given_up: Event | None = None) -> AbstractContextManager[None]:
        return file_lock(self.scratch / "locks" / name, given_up=given_up)


def _inventory(folder: Path) -> dict[str, dict[str, Any]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(file.relative_to(folder)): {"size": file.stat().st_size, "sha256": file_sha256(file)}
        for file in files
    }


def _share(folder: Path) -> None:
    """Let whoever may read a new file here read all of them: libraries make some for us alone."""
    made = folder / MANIFEST
    made.touch()
    mode = made.stat().st_mode
    for file in folder.rglob("*"):
        if file.is_file():
            file.chmod(file.stat().st_mode | mode)
    made.unlink()


def _has_size(file: Path, entry: dict[str, Any]) -> bool:
    return file.is_file() and file.stat().st_size == entry["size"]


def _text(manifest: dict[str, Any]) -> str:
    return json.dumps(manifest, indent=1, ensure_ascii=False)
