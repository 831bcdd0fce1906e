"""Objects below one fsspec URL: read and written whole, tried again, with one clear line at the end.

Credentials come from the environment, as the filesystem's own library reads them, and never from
the URL, which people log.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import fsspec

from gner_core.errors import InputError

PAUSES = (0.5, 2.0)
"""Seconds before the second and the third try; the filesystems try again themselves, too."""
FINAL = (FileNotFoundError, NotADirectoryError, PermissionError, NotImplementedError)
"""What does not pass by itself."""
READ = "read"
R = TypeVar("R")


class Objects:
    """The objects below one URL, named by their path below it."""

    def __init__(self, url: str) -> None:
        """Open the place; nothing is read or created yet.

        Raises:
            InputError: for a protocol that is unknown or not installed, and a URL with a password.
        """
        if "@" in urlsplit(url).netloc:
            raise InputError(
                f"the store {url.partition('://')[0]}://…: no credentials in the URL, which is "
                "logged; give them in the environment, as AWS_ACCESS_KEY_ID and the like"
            )
        try:
            self.filesystem, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except ImportError as error:
            extra = " (pip install 'gner[s3]')" if url.startswith(("s3:", "s3a:")) else ""
            raise InputError(f"{url}: {error}{extra}") from None
        except ValueError as error:
            raise InputError(f"{url}: not a place for a store ({error})") from None
        self.root = str(root).rstrip("/")
        self.is_local = "file" in _protocols(self.filesystem)

    def url(self, name: str = "") -> str:
        """Return the URL of an object; for a local one its path."""
        place = self._place(name).rstrip("/")
        return place if self.is_local else str(self.filesystem.unstrip_protocol(place))

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
        self._try("written", name, lambda place: self.filesystem.pipe_file(place, data))

    def create(self, name: str, data: bytes) -> bool:
        """Write an object where there is none yet; say whether what is there now is this one.

        S3, Google Cloud Storage, memory and local folders decide that themselves, at once. Other
        filesystems may let the later of two writers win: both look at what stands in the end, but
        one may look too early. Whoever calls this must be able to live with that.
        """

        def create(place: str) -> None:
            try:
                self.filesystem.pipe_file(place, data, mode="create")
            except FileExistsError:
                return
            except Exception:  # some filesystems have another error for it
                if not self._is_there(place):
                    raise

        self._try("created", name, create)
        try:
            return self.read(name) == data
        except FileNotFoundError:  # there was another, and it was deleted since
            return False

    def put(self, file: Path, name: str) -> None:
        """Copy a local file there."""
        self._try("written", name, lambda place: self.filesystem.put_file(str(file), place))

    def get(self, name: str, file: Path) -> None:
        """Copy an object into a local file.

        Raises:
            FileNotFoundError: when there is none.
        """
        self._try(READ, name, lambda place: self.filesystem.get_file(place, str(file)))

    def sizes(self, below: str) -> dict[str, int]:
        """Return the objects below a path with their sizes in bytes."""

        def find(place: str) -> dict[str, int]:
            found = self.filesystem.find(place, detail=True)
            start = len(self.root) + 1
            return {str(path)[start:]: int(entry["size"]) for path, entry in found.items()}

        return self._try("listed", below, find)

    def entries(self, below: str) -> list[str]:
        """Return the last parts of the names directly below a path, sorted; none where it is not."""

        def entries(place: str) -> list[str]:
            try:
                found = self.filesystem.ls(place, detail=False)
            except FileNotFoundError:
                return []
            return sorted(str(path).rstrip("/").rpartition("/")[2] for path in found)

        return self._try("listed", below, entries)

    def remove(self, names: list[str]) -> None:
        """Delete objects; one that is not there is no error."""
        for name in names:

            def remove(place: str) -> None:
                try:
                    self.filesystem.rm_file(place)
                except FileNotFoundError:
                    return

            self._try("deleted", name, remove)

    def _place(self, name: str) -> str:
        return f"{self.root}/{name}"

    def _is_there(self, place: str) -> bool:
        """Look once; fsspec's `exists` takes any fault for a no on filesystems without asyncio."""
        try:
            self.filesystem.info(place)
        except FileNotFoundError:
            return False
        return True

    def _try(self, done: str, name: str, what: Callable[[str], R]) -> R:
        """Call `what(place)`, up to three times.

        Raises:
            FileNotFoundError: when there is nothing to read.
            InputError: for everything else, in the end.
        """
        pauses = list(PAUSES)
        while True:
            try:
                return what(self._place(name))
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


def _protocols(filesystem: fsspec.AbstractFileSystem) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
