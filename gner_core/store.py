"""A content-addressed store of artifacts: `<root>/<step>/<key>/`, visible only when complete.

Owns publishing, verifying and finding artifacts on any fsspec URL, the lock that keeps two
processes from building the same thing, and the scratch folder in which a long step keeps its
checkpoints. Does not own what a key is made of (`tasks.steps`) or what is in an artifact.

On a local disk an artifact is a folder that is renamed into place. On an object store its files
go up first and `manifest.json` last. Either way an artifact without manifest does not exist.

Example:
    store = Store("/data/gner/store", scratch=Path("/data/gner/work"))
    with store.lock(ref):
        if not store.has(ref):
            with store.publish(ref, about={"title": "demo"}) as folder:
                (folder / "hello.txt").write_text("hi")
    (store.fetch(ref) / "hello.txt").read_text()
"""

import fcntl
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import IO, Any

import fsspec

from gner_core.errors import InputError, Stopped
from gner_core.fingerprint import file_sha256

MANIFEST = "manifest.json"
LOCK_SECONDS = 0.1
"""Between two attempts to get a lock that another process holds."""


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """The name of an artifact: the step that makes it and the hash of all that determines it."""

    step: str
    key: str

    @property
    def path(self) -> str:
        """Its place below the store's root."""
        return f"{self.step}/{self.key}"


class Store:
    """Artifacts below one fsspec URL, with a local scratch folder beside it."""

    def __init__(self, root: str, *, scratch: Path) -> None:
        """Open a store; nothing is created before the first artifact.

        Args:
            root: a folder or an fsspec URL such as `s3://bucket/gner`.
            scratch: a local folder for locks, unfinished work and copies of remote artifacts.
        """
        self.filesystem, path = fsspec.core.url_to_fs(root)
        self.root = str(path).rstrip("/")
        self.is_local = "file" in _protocols(self.filesystem)
        self.scratch = scratch.absolute()

    def has(self, ref: ArtifactRef) -> bool:
        """Say whether the artifact is published."""
        return bool(self.filesystem.exists(f"{self.root}/{ref.path}/{MANIFEST}"))

    def manifest(self, ref: ArtifactRef) -> dict[str, Any]:
        """Return the manifest of a published artifact.

        Raises:
            InputError: when the artifact is not published or its manifest cannot be read.
        """
        place = f"{self.root}/{ref.path}/{MANIFEST}"
        try:
            with self.filesystem.open(place, "rb") as handle:
                found: dict[str, Any] = json.load(handle)
        except FileNotFoundError:
            raise InputError(f"{place}: no such artifact; run the step again") from None
        except ValueError as error:
            raise InputError(f"{place}: damaged ({error}); delete the folder, run again") from None
        return found

    def fetch(self, ref: ArtifactRef) -> Path:
        """Return a local folder with the artifact's files, copied from a remote store if need be.

        Raises:
            InputError: when it is not published, or a file has not the size that was recorded.
        """
        manifest = self.manifest(ref)
        source = f"{self.root}/{ref.path}"
        if self.is_local:
            folder = Path(source)
        else:
            folder = self.scratch / "copies" / ref.step / ref.key
            if not folder.is_dir():
                self._download(source, manifest, folder)
        for name, entry in manifest["files"].items():
            file = folder / name
            if not file.is_file() or file.stat().st_size != entry["size"]:
                raise InputError(f"{file}: missing or damaged; delete {folder} and run again")
        return folder

    @contextmanager
    def publish(self, ref: ArtifactRef, *, about: dict[str, Any]) -> Iterator[Path]:
        """Give a fresh folder to fill; publish it when the block ends without an error.

        Call it under `lock`. `about`, as it is at the end of the block, goes into the manifest
        beside the list of files with sizes and SHA-256 sums, the time and the seconds that the
        block took. After an error nothing is left behind.
        """
        # One name per machine and key: what a killed attempt left is cleared by the next one.
        staging = (Path(self.root) if self.is_local else self.scratch) / ".staging"
        folder = staging / f"{socket.gethostname()}-{ref.step}-{ref.key}"
        shutil.rmtree(folder, ignore_errors=True)
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
            (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False))
            self._move_into_place(folder, ref)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def lock(self, ref: ArtifactRef, *, given_up: Event | None = None) -> Iterator[None]:
        """Hold the right to build `ref` on this machine; others wait.

        The kernel drops the lock with the process, however that ends. Machines that share a
        remote store do not see each other's locks: both build, and the later manifest, with
        equal content, stands.

        Raises:
            Stopped: when `given_up` was set while another process held the lock.
        """
        folder = self.scratch / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{ref.step}-{ref.key}").open("w") as handle:
            while not _locked(handle):
                if given_up is not None and given_up.is_set():
                    raise Stopped(f"another process builds {ref.path}; it was not waited for")
                time.sleep(LOCK_SECONDS)
            yield

    def unfinished(self, ref: ArtifactRef) -> Path:
        """Return the scratch folder of a step, kept from attempt to attempt until `discard`."""
        folder = self.scratch / "unfinished" / ref.step / ref.key
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def discard(self, ref: ArtifactRef) -> None:
        """Delete the scratch folder of a step that is published."""
        shutil.rmtree(self.scratch / "unfinished" / ref.step / ref.key, ignore_errors=True)

    def _move_into_place(self, folder: Path, ref: ArtifactRef) -> None:
        target = f"{self.root}/{ref.path}"
        if self.is_local:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            if Path(target).exists() and not self.has(ref):
                shutil.rmtree(target)  # what somebody left half-deleted
            try:
                os.rename(folder, target)
            except OSError:
                if not self.has(ref):  # else another process was first, with equal content
                    raise
            return
        for file in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST):
            self.filesystem.put_file(str(file), f"{target}/{file.relative_to(folder)}")
        self.filesystem.put_file(str(folder / MANIFEST), f"{target}/{MANIFEST}")

    def _download(self, source: str, manifest: dict[str, Any], folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".copy-", dir=folder.parent))
        try:
            for name, entry in manifest["files"].items():
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                self.filesystem.get_file(f"{source}/{name}", str(aside / name))
                if file_sha256(aside / name) != entry["sha256"]:
                    raise InputError(f"{source}/{name}: content does not match its manifest")
            try:
                os.rename(aside, folder)
            except OSError:
                if not folder.is_dir():
                    raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _locked(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _inventory(folder: Path) -> dict[str, dict[str, Any]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(file.relative_to(folder)): {"size": file.stat().st_size, "sha256": file_sha256(file)}
        for file in files
    }


def _protocols(filesystem: fsspec.AbstractFileSystem) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
