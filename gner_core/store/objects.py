"""Objects below one fsspec URL: read and written whole, with retries and errors of one line.

Credentials come from the environment, as the filesystem's own library reads them, and never from
the URL, which is logged.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from gner_core.errors import InputError

PAUSES = (0.5, 2.0)
"""Seconds before the second and the third try; the filesystems try again themselves, too."""
FINAL = (FileNotFoundError, NotADirectoryError, PermissionError, NotImplementedError)
"""What does not pass by itself."""
READ = "read"
R = TypeVar("R")


def open_filesystem(url: str) -> tuple[AbstractFileSystem, str]:
    """Return the filesystem of a URL, and the path in it.

    Raises:
        InputError: for a protocol that is unknown or not installed, and a URL with a password.
    """
    if "@" in urlsplit(url).netloc:
        raise InputError(
            f"{url.partition('://')[0]}://…: no credentials in the URL, which is recorded; give "
            "them in the environment, as AWS_ACCESS_KEY_ID and the like"
        )
    try:
        filesystem, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        extra = " (pip install 'gner[s3]')" if url.startswith(("s3:", "s3a:")) else ""
        raise InputError(f"{url}: {error}{extra}") from None
    except ValueError as error:
        raise InputError(f"{url}: cannot be opened ({error})") from None
    return filesystem, str(path)


class Objects:
    """The objects below one URL, named by their path below it."""

    def __init__(self, url: str) -> None:
        """Open the URL; nothing is read or created yet.

        Raises:
            InputError: for a protocol that is unknown or not installed, and a URL with a password.
        """
        self.filesystem, root = open_filesystem(url)
        self.root = root.rstrip("/")
        self.is_local = isinstance(self.filesystem, LocalFileSystem)

    def url(self, name: str = "") -> str:
        """Return the URL of an object; for a local one its path."""
        path = self._path(name).rstrip("/")
        return path if self.is_local else str(self.filesystem.unstrip_protocol(path))

    def is_below(self, folder: Path) -> bool:
        """Say whether the URL is a folder inside another one."""
        return self.is_local and Path(self.root).is_relative_to(folder.absolute())

    def exists(self, name: str) -> bool:
        """Say whether there is such an object; a store that does not answer is an error."""
        return self._try("looked for", name, self._is_there)

    def read(self, name: str) -> bytes:
        """Return the bytes of an object.

        Raises:
            FileNotFoundError: when there is none.
        """
        return bytes(self._try(READ, name, self.filesystem.cat_file))

    def write(self, name: str, data: bytes) -> None:
        """Write an object, over another if there is one."""
        self._try("written", name, lambda path: self.filesystem.pipe_file(path, data))

    def create(self, name: str, data: bytes) -> bool:
        """Write an object where there is none yet; say whether what is there now is this one.

        On S3, Google Cloud Storage, memory and local folders this is atomic. On other filesystems
        the later of two writers may win, and both may be told that they were first.
        """

        def create(path: str) -> None:
            try:
                self.filesystem.pipe_file(path, data, mode="create")
            except FileExistsError:
                return
            except Exception:  # some filesystems have another error for it
                if not self._is_there(path):
                    raise

        self._try("created", name, create)
        try:
            return self.read(name) == data
        except FileNotFoundError:  # another writer's, deleted since
            return False

    def put(self, file: Path, name: str) -> None:
        """Copy a local file there."""
        self._try("written", name, lambda path: self.filesystem.put_file(str(file), path))

    def get(self, name: str, file: Path) -> None:
        """Copy an object into a local file.

        Raises:
            FileNotFoundError: when there is none.
        """
        self._try(READ, name, lambda path: self.filesystem.get_file(path, str(file)))

    def sizes(self, below: str) -> dict[str, int]:
        """Return the objects below a path with their sizes in bytes."""

        def find(path: str) -> dict[str, int]:
            found = self.filesystem.find(path, detail=True)
            start = len(self.root) + 1
            return {str(name)[start:]: int(entry["size"]) for name, entry in found.items()}

        return self._try("listed", below, find)

    def entries(self, below: str) -> list[str]:
        """Return the last parts of the names directly below a path, sorted; none where it is not."""

        def entries(path: str) -> list[str]:
            try:
                found = self.filesystem.ls(path, detail=False)
            except FileNotFoundError:
                return []
            return sorted(str(name).rstrip("/").rpartition("/")[2] for name in found)

        return self._try("listed", below, entries)

    def remove(self, names: list[str]) -> None:
        """Delete objects; one that is not there is no error."""

        def remove(path: str) -> None:
            with suppress(FileNotFoundError):
                self.filesystem.rm_file(path)

        for name in names:
            self._try("deleted", name, remove)

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def _is_there(self, path: str) -> bool:
        """Say whether an object exists; fsspec's `exists` may take any fault for a no."""
        try:
            self.filesystem.info(path)
        except FileNotFoundError:
            return False
        return True

    def _try(self, done: str, name: str, what: Callable[[str], R]) -> R:
        """Call `what` with the path of `name`, up to three times.

        Raises:
            FileNotFoundError: when there is nothing to read.
            InputError: for everything else, in the end.
        """
        pauses = list(PAUSES)
        while True:
            try:
                return what(self._path(name))
            except Exception as error:
                if done == READ and isinstance(error, FileNotFoundError):
                    raise FileNotFoundError(self.url(name)) from None  # an answer, not a fault
                if isinstance(error, FINAL) or not pauses:
                    raise InputError(
                        f"{self.url(name)}: cannot be {done} ({_reason(error)})"
                    ) from error
                time.sleep(pauses.pop(0))


def _reason(error: Exception) -> str:
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
