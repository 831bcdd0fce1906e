"""The local cache of the files of a catalog entry, which are verified at every use.

    <cache>/<corpus>/<key>/files/…        the files
    <cache>/<corpus>/<key>/manifest.json  hashes of the files that have no pin
    <cache>/<corpus>/<key>/parts/…        unfinished downloads, deleted after success
    <cache>/<corpus>/<key>/lock

The key is a hash of pins and sources, so that old files are never used for a changed entry. A file
is valid when it has the pinned hash or, without a pin, the hash in the manifest, which is written
when all such files have arrived. What a crash or a full disk leaves is not valid, so nothing needs
fsync.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path, PurePosixPath

from gner_core.config.corpus import CorpusParams, Pin
from gner_core.corpora.fetch.archive import leaves_folder
from gner_core.corpora.fetch.request import Report
from gner_core.errors import InputError
from gner_core.runtime.files import read_json, write_file
from gner_core.runtime.locks import file_lock
from gner_core.store.fingerprint import file_sha256, fingerprint


class CorpusCache:
    """The cached files of one catalog entry."""

    def __init__(self, cache: Path, name: str, corpus: CorpusParams) -> None:
        """Name the folder; nothing is created yet.

        Raises:
            InputError: when the corpus' name or a path in `files` or `pins` would leave the cache.
        """
        self.name = name
        self.obtain = corpus.obtain
        self.pins: Mapping[str, Pin] = corpus.pins
        self.paths = tuple(dict.fromkeys(p for paths in corpus.files.values() for p in paths))
        for path in (*self.paths, *self.pins):
            if leaves_folder(path):
                raise InputError(f"{name}: files: {path!r} must be a path below the corpus folder")
        if PurePosixPath(name).name != name:
            raise InputError(f"corpus name {name!r} cannot name a folder; rename it")
        self.folder = cache.absolute() / name / _key(corpus, self.paths)
        self.root = self.folder / "files"
        self.parts = self.folder / "parts"

    def lock(self, report: Report) -> AbstractContextManager[None]:
        """Hold the right to change this part of the cache on this machine; others wait."""
        line = f"{self.name}: another process fetches it; waiting"
        return file_lock(self.folder / "lock", on_wait=partial(report.note, line))

    def missing(self, *, renew: bool = False) -> tuple[str, ...]:
        """Return the paths of files that are missing or not valid.

        Files without a pin are missing all or none, so that they always come from one source.

        Args:
            renew: count every file without a pin as missing.
        """
        records = self._records()
        missing = {path for path in self.paths if not self._is_valid(path, records)}
        if renew or any(path not in self.pins for path in missing):
            missing |= {path for path in self.paths if path not in self.pins}
        return tuple(path for path in self.paths if path in missing)

    def accept(self, staged: Path, paths: Sequence[str], *, origin: str) -> None:
        """Move the files that a source has written below `staged` into the cache.

        Raises:
            InputError: when one is missing or differs from its pin.
        """
        wrong = self.salvage(staged, paths)
        if wrong:
            raise InputError(f"{origin}: {'; '.join(wrong)}")
        loose = [path for path in paths if path not in self.pins]
        records: dict[str, Pin] = {}
        for path in loose:
            arrived = {file: _measure(staged / file) for file in _files_below(staged, path)}
            pinned = {file: pin for file, pin in self.pins.items() if _below(file, path)}
            lacking = set(pinned) - set(arrived) if arrived else {path}
            if lacking:
                raise InputError(f"{origin}: gave no {', '.join(sorted(lacking))}")
            for file, pin in pinned.items():
                if arrived[file] != pin:
                    raise InputError(f"{origin}: {_difference(file, arrived[file], pin)}")
            records |= arrived
        for path in loose:
            self._replace(staged / path, self.root / path)
        if loose:
            self._record(records, origin)

    def salvage(self, staged: Path, paths: Sequence[str]) -> list[str]:
        """Move files that match their pins into the cache; delete others and return what differs."""
        wrong: list[str] = []
        for path in paths:
            pin, file = self.pins.get(path), staged / path
            if pin is None or not file.is_file():
                continue
            found = _measure(file)
            if found == pin:
                self._replace(file, self.root / path)
            else:
                wrong.append(_difference(path, found, pin))
                file.unlink()
        return wrong

    def workspace(self, label: str) -> tuple[Path, Path]:
        """Return an empty folder for the files of a source, and its scratch folder.

        The scratch folder is kept until the corpus is complete.
        """
        parts = self.parts / fingerprint(label)
        files, scratch = parts / "files", parts / "scratch"
        shutil.rmtree(files, ignore_errors=True)
        for folder in (files, scratch):
            folder.mkdir(parents=True, exist_ok=True)
        return files, scratch

    def tidy(self) -> None:
        """Delete unfinished downloads."""
        shutil.rmtree(self.parts, ignore_errors=True)

    def _is_valid(self, path: str, records: Mapping[str, Pin]) -> bool:
        if path in self.pins:
            return _has(self.root / path, self.pins[path])
        expected = {file: pin for file, pin in records.items() if _below(file, path)}
        present = set(_files_below(self.root, path))
        return present == set(expected) != set() and all(
            _has(self.root / file, pin) for file, pin in expected.items()
        )

    def _records(self) -> dict[str, Pin]:
        try:
            manifest = read_json(self.folder / "manifest.json")
            return {file: Pin.model_validate(pin) for file, pin in manifest["files"].items()}
        except (FileNotFoundError, ValueError, KeyError, AttributeError, TypeError):
            return {}  # none, or cut off by a crash: its files count as missing

    def _record(self, records: Mapping[str, Pin], origin: str) -> None:
        files = {file: pin.model_dump() for file, pin in records.items()}
        content = json.dumps({"origin": origin, "files": files}, indent=1)
        write_file(self.folder / "manifest.json", content)

    def _replace(self, source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(source, target)


def _key(corpus: CorpusParams, paths: Sequence[str]) -> str:
    loose = any(path not in corpus.pins for path in paths)
    sources = [source.model_dump(mode="json", exclude={"verified"}) for source in corpus.sources]
    pins = {path: pin.sha256 for path, pin in corpus.pins.items()}
    return fingerprint({"pins": pins, "sources": sources if loose else []})


def _below(file: str, path: str) -> bool:
    return file.startswith(path) if path.endswith("/") else file == path


def _files_below(root: Path, path: str) -> list[str]:
    """Return the files of a path: itself, or all files of a folder; empty where it is missing."""
    if not path.endswith("/"):
        return [path] if (root / path).is_file() else []
    return sorted(str(f.relative_to(root)) for f in (root / path).rglob("*") if f.is_file())


def _measure(file: Path) -> Pin:
    return Pin(sha256=file_sha256(file), bytes=file.stat().st_size)


def _has(file: Path, pin: Pin) -> bool:
    return file.is_file() and file.stat().st_size == pin.bytes and file_sha256(file) == pin.sha256


def _difference(path: str, found: Pin, pin: Pin) -> str:
    if found.bytes != pin.bytes:
        return f"{path}: {found.bytes} bytes where {pin.bytes} are pinned"
    return f"{path}: wrong checksum: sha256 {found.sha256[:12]}… where {pin.sha256[:12]}… is pinned"
