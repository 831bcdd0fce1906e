"""The files of a corpus: paths, folders and patterns on any fsspec filesystem, in one order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import fsspec

from gner_core.annotating.params import Form
from gner_core.errors import InputError

ENDINGS: dict[str, Form] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "text",
}
PACKED = (".gz", ".bz2", ".xz")
"""Endings of compressed files, which stand behind those of the form."""


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
    for url, times in Counter(found).items():
        if times > 1:
            raise InputError(f"{url}: named twice; name every file of texts once")
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
    return fsspec.open(url, "rb", compression="infer" if packed else None).open()


def _files(url: str, form: Form | None) -> list[str]:
    if "@" in urlsplit(url).netloc:
        raise InputError(
            f"{url.partition('://')[0]}://…: no credentials in the URL, which is recorded; give "
            "them in the environment, as AWS_ACCESS_KEY_ID and the like"
        )
    try:
        filesystem, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
        if filesystem.isdir(path):
            every = [name for name in filesystem.find(path) if form or _ending(name)]
        else:
            every = [path] if filesystem.isfile(path) else filesystem.glob(path)
            every = [name for name in every if filesystem.isfile(name)]
    except ImportError as error:
        extra = " (pip install 'gner[s3]')" if url.startswith(("s3:", "s3a:")) else ""
        raise InputError(f"{url}: {error}{extra}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{url}: cannot be read ({' '.join(str(error).split())})") from None
    if not every:
        raise InputError(f"{url}: no file of texts there")
    return [_url(filesystem, name) for name in sorted(every)]


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
    plain = next((url.removesuffix(end) for end in PACKED if url.endswith(end)), url)
    return next((ending for ending in ENDINGS if plain.endswith(ending)), None)
