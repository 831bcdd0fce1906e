"""The output of an annotation: a folder of Parquet files, on any fsspec URL, with a manifest.

    part-00000.parquet …    file, line, id, text and entities; a row a text, in the order of the input
    _manifest.json          by what the entities were found, and how many; written last

A folder belongs to one annotation. While that is not complete, the manifest says so.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gner_core.annotating.sources import MANIFEST
from gner_core.errors import InputError
from gner_core.runtime.files import is_unfinished, replacing_file, write_file
from gner_core.store.objects import Objects

NAMES = {
    "model": "the model",
    "looked_for": "the types",
    "beams": "beam size",
    "texts_a_part": "texts a part",
    "data": "the files",
}
"""What makes two annotations different, in the manifest → in words."""


class Dataset:
    """The folder of an annotation."""

    def __init__(self, url: str) -> None:
        """Name the folder; nothing is read or created yet.

        Raises:
            InputError: for a URL that cannot be one.
        """
        if not url.strip():
            raise InputError("the output has an empty name; name a folder")
        self.objects = Objects(url)

    @property
    def url(self) -> str:
        """Where it is."""
        return self.objects.url()

    def begin(self, key: str, head: Mapping[str, Any], *, is_taken: bool) -> dict[str, Any] | None:
        """Take the folder for an annotation, or return the manifest of this one where it is complete.

        A complete one of which files are missing or have another size is taken again. Of two
        processes that begin at the same time, the caller lets one wait.

        Args:
            head: by what the entities will be found.
            is_taken: whether another annotation is at work; else one without a file is replaced.

        Raises:
            InputError: when the folder holds something else, or cannot be written.
        """
        self._refuse_file()
        # Another process may be writing the manifest at this moment, or have been killed meanwhile.
        there = [name for name in self.objects.entries("") if not is_unfinished(name)]
        known = self._manifest() if MANIFEST in there else {}
        if known.get("key") == key and known.get("complete") and self._is_whole(known):
            return known
        is_begun = known.get("complete") or len(there) > 1
        if known and known.get("key") != key and (is_begun or is_taken):
            state = "another" if known.get("complete") else "another, unfinished"
            raise InputError(
                f"{self.url}: holds {state} annotation{_difference(known, head)}; nothing was "
                "changed: name another folder, or remove that one"
            )
        if there and not known:
            raise InputError(
                f"{self.url}: not empty, and holds no annotation; nothing was changed: name "
                "another folder"
            )
        if known.get("key") != key or known.get("complete"):
            self._put(MANIFEST, {"key": key, **head, "complete": False})
        return None

    def write(self, number: int, rows: pa.Table) -> dict[str, Any]:
        """Write the rows of a part; return the name and size of their file."""
        name = f"part-{number:05}.parquet"
        if self.objects.is_local:
            with replacing_file(Path(self.objects.url(name))) as file:
                pq.write_table(rows, file, compression="zstd")
                size = file.stat().st_size
        else:
            with TemporaryDirectory(prefix="gner-rows-") as scratch:
                file = Path(scratch) / name
                pq.write_table(rows, file, compression="zstd")
                size = file.stat().st_size
                self.objects.put(file, name)
        return {"file": name, "bytes": size}

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest of the complete annotation."""
        self._put(MANIFEST, {**manifest, "complete": True})

    def _is_whole(self, known: Mapping[str, Any]) -> bool:
        sizes = self.objects.sizes("")
        return all(sizes.get(one["file"]) == one.get("bytes") for one in known["parts"])

    def _refuse_file(self) -> None:
        if self.objects.is_local and Path(self.url).is_file():
            raise InputError(f"{self.url}: is a file; name a folder for the output")

    def _manifest(self) -> dict[str, Any]:
        try:
            found = json.loads(self.objects.read(MANIFEST))
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise InputError(f"{self.objects.url(MANIFEST)}: cannot be read; name another folder")
        return found

    def _put(self, name: str, content: dict[str, Any]) -> None:
        text = json.dumps(content, indent=1, ensure_ascii=False)
        if not self.objects.is_local:
            self.objects.write(name, text.encode())
            return
        path = Path(self.objects.url(name))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, text)
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def _difference(known: Mapping[str, Any], head: Mapping[str, Any]) -> str:
    """Return by what another annotation differs, in words."""
    for name, words in NAMES.items():
        if known.get(name) != head.get(name):
            found = known.get(name)
            return f", with {words} {', '.join(found) if isinstance(found, list) else found}"
    return " of other texts"
