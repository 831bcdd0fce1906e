"""The files of a corpus: paths, folders and patterns on any fsspec filesystem, in one order."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import fsspec

from gner_core.annotating.params import Form
from gner_core.errors import InputError
from gner_core.store.objects import open_filesystem

ENDINGS: dict[str, Form] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "text",
}
PACKED = (".gz", ".bz2", ".xz")
"""Endings of compressed files, which stand behind those of the form."""
MANIFEST = "_manifest.json"
"""In the output of an annotation. Readers of Parquet folders skip names that begin so."""
NAMED = 5
"""Files that the log names, at most."""
LOG = logging.getLogger("gner")


@dataclass(frozen=True)
class Source:
    """A file of texts."""

    url: str
    """Its path or URL."""
    name: str
    """What the output calls it: the last part of its path, or all of it where that is not unique."""
    form: Form


def find_sources(given: Sequence[str], form: Form | None) -> list[Source]:
    """Return the files that paths, folders and patterns name: as given, within each in order of name.

    Args:
        form: of all files; None tells it by their names, and takes of a folder what has such a name.

    Raises:
        InputError: for what names no file, names one twice, or has a form that is not known.
    """
    found = [file for url in given for file in _files(url, form)]
    first: dict[str, str] = {}
    for url in found:
        place = url if "://" in url else os.path.realpath(url)
        if place in first:
            also = f", also as {first[place]}" if first[place] != url else ""
            raise InputError(f"{url}: named twice{also}; name every file of texts once")
        first[place] = url
    short = [url.rpartition("/")[2] for url in found]
    names = short if len({*short}) == len(short) else found
    return [Source(url, name, form or _form(url)) for url, name in zip(found, names, strict=True)]


def open_source(url: str, *, packed: bool) -> Any:
    """Open a file of texts to read its bytes.

    Args:
        packed: whether it may be compressed, as its name says.

    Raises:
        OSError: and other errors of the filesystem, when it cannot be opened.
    """
    # Of its own accord, fsspec would open a zip, too, and read one file of it.
    is_packed = packed and url.lower().endswith(PACKED)
    return fsspec.open(url, "rb", compression="infer" if is_packed else None).open()


def _files(url: str, form: Form | None) -> list[str]:
    filesystem, path = open_filesystem(url)
    try:
        if filesystem.isdir(path):
            every = _in_folder(filesystem, path.rstrip("/"), form)
        else:
            every = [path] if filesystem.isfile(path) else filesystem.glob(path)
            every = [name for name in every if filesystem.isfile(name)]
    except (OSError, ValueError) as error:
        raise InputError(f"{url}: cannot be read ({' '.join(str(error).split())})") from None
    if not every:
        raise InputError(f"{url}: no file of texts there")
    return [_url(filesystem, name) for name in sorted(every)]


def _in_folder(filesystem: Any, folder: str, form: Form | None) -> list[str]:
    """Return the files of texts in and below a folder; the log says which others are there.

    Hidden files and the outputs of annotations below the folder are no texts of it.
    """
    names = [str(name) for name in filesystem.find(folder)]
    manifests = [name for name in names if name.endswith(f"/{MANIFEST}")]
    outputs = {name.rpartition("/")[0] for name in manifests} - {folder}

    def is_text(name: str) -> bool:
        is_hidden = "/." in name.removeprefix(folder)
        is_output = name.rpartition("/")[0] in outputs or name in manifests
        return bool(form or _ending(name)) and not is_hidden and not is_output

    texts = [name for name in names if is_text(name)]
    if others := [name for name in names if not is_text(name)]:
        shown = ", ".join(name.removeprefix(f"{folder}/") for name in others[:NAMED])
        more = ", …" if len(others) > NAMED else ""
        LOG.info("%s: %d files are not read as texts: %s%s", folder, len(others), shown, more)
    return texts


def _url(filesystem: Any, name: str) -> str:
    local = "file" in (filesystem.protocol, *filesystem.protocol)
    return str(name if local else filesystem.unstrip_protocol(name))


def _form(url: str) -> Form:
    ending = _ending(url)
    if ending is None:
        known = ", ".join(ENDINGS)
        raise InputError(
            f"{url}: its name ends in none of {known} (or with {', '.join(PACKED)} behind); say "
            "what it is with --form"
        )
    return ENDINGS[ending]


def _ending(url: str) -> str | None:
    url = url.lower()
    plain = next((url.removesuffix(end) for end in PACKED if url.endswith(end)), url)
    return next((ending for ending in ENDINGS if plain.endswith(ending)), None)
