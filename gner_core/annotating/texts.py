"""The texts of a corpus as a stream of parts: memory holds one part, whatever the size of the corpus.

A record that is none, or has no text, is an error that names file and line.
"""

import hashlib
import json
import lzma
import math
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from gner_core.annotating.sources import Source, open_source
from gner_core.corpora.readers.raw import NO_TEXT, refuse_nul
from gner_core.errors import InputError
from gner_core.strict import JSON

LONGEST = 1 << 24
"""Bytes of a line, at most."""
ID = "id"
"""The field that becomes the id where none is named and a record has it."""
ROWS = 1024
"""Rows of a Parquet file that are read at a time."""
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException)


class Record(NamedTuple):
    """A text, and where it stands."""

    file: str
    """As `Source.name`."""
    line: int
    """Line of the file, or row of a Parquet file, from 1."""
    id: str | None
    text: str


@dataclass(frozen=True)
class Part:
    """Some texts that follow each other, the unit of work."""

    number: int
    """From 0."""
    records: list[Record]

    @property
    def texts(self) -> list[str]:
        """The texts alone."""
        return [record.text for record in self.records]

    def text_digest(self) -> str:
        """Return the SHA-256 of the texts, whatever their files and ids."""
        digest = hashlib.sha256()
        for record in self.records:
            data = record.text.encode()
            digest.update(len(data).to_bytes(8, "big"))
            digest.update(data)
        return digest.hexdigest()

    def place_digest(self) -> str:
        """Return the SHA-256 of what the output says of the texts' places: file, line and id."""
        places = [[record.file, record.line, record.id] for record in self.records]
        return hashlib.sha256(json.dumps(places).encode()).hexdigest()


def read_parts(
    sources: Iterable[Source], *, size: int, text: str, id_field: str | None
) -> Iterator[Part]:
    """Yield the texts of a corpus in parts of `size`, the last of which may be smaller.

    Args:
        text: field of the text, in JSON lines and Parquet.
        id_field: field that becomes the id, which every record has; None takes `id` where there is
            one.

    Raises:
        InputError: for a file that cannot be read, and a record without a text, by file and line.
    """
    records = read_records(sources, text=text, id_field=id_field)
    number = 0
    while chosen := list(islice(records, size)):
        yield Part(number, chosen)
        number += 1


def read_records(sources: Iterable[Source], *, text: str, id_field: str | None) -> Iterator[Record]:
    """Yield the texts of a corpus one by one; arguments and errors are those of `read_parts`."""
    for source in sources:
        try:
            if source.form == "parquet":
                yield from _rows(source, text, id_field)
            elif source.form == "jsonl":
                yield from _json_lines(source, text, id_field)
            else:
                if id_field:
                    raise InputError(f"{source.url}: lines of text have no fields; leave out --id")
                for line, given in _lines(source):
                    yield Record(source.name, line, None, given)
        except UNREADABLE as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"{source.url}: cannot be read ({said})") from None


def _lines(source: Source) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file with their numbers, without what ends them."""
    with open_source(source.url, packed=True) as file:
        number = 0
        while data := file.readline(LONGEST + 1):
            number += 1
            if len(data) > LONGEST:
                raise InputError(
                    f"{source.url}, line {number}: longer than {LONGEST >> 20} MiB; a text a line "
                    "is read, or a JSON object a line"
                )
            if number == 1 and data.startswith(tuple(NO_TEXT)):
                raise InputError(f"{source.url}: no text, nor compressed as its name says")
            refuse_nul(data, source.url, first=number)
            try:
                given = data.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise InputError(
                    f"{source.url}, line {number}: not UTF-8; convert the file"
                ) from None
            yield number, given.removesuffix("\n").removesuffix("\r")


def _json_lines(source: Source, text: str, id_field: str | None) -> Iterator[Record]:
    for line, given in _lines(source):
        if not given.strip():
            continue
        where = f"{source.url}, line {line}"
        try:
            values = JSON.decode(given)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: not a JSON object ({error})") from None
        if not isinstance(values, dict):
            raise InputError(f"{where}: not a JSON object, but {given[:40]}")
        for name, option in ((text, "--text"), (id_field, "--id")):
            if name and name not in values:
                raise InputError(
                    f"{where}: no field {name!r}; its fields are {', '.join(values)}; name another "
                    f"with {option}"
                )
        yield _record(source, line, values.get(id_field or ID), values[text], where)


def _rows(source: Source, text: str, id_field: str | None) -> Iterator[Record]:
    with open_source(source.url, packed=False) as file, pq.ParquetFile(file) as table:
        columns = table.schema_arrow.names
        for name, option in ((text, "--text"), (id_field, "--id")):
            if name and name not in columns:
                raise InputError(
                    f"{source.url}: no column {name!r}; its columns are {', '.join(columns)}; name "
                    f"another with {option}"
                )
        wanted = [name for name in (text, id_field or ID) if name in columns]
        row = 0
        for batch in table.iter_batches(batch_size=ROWS, columns=wanted):
            values = batch.to_pydict()
            ids = values.get(id_field or ID, [None] * batch.num_rows)
            for given, found in zip(values[text], ids, strict=True):
                row += 1
                yield _record(source, row, found, given, f"{source.url}, row {row}")


def _record(source: Source, line: int, found: Any, given: Any, where: str) -> Record:
    if not isinstance(given, str):
        raise InputError(f"{where}: the field of the text holds {given!r:.40}, which is no text")
    named = _id(found, where)
    try:
        given.encode(), (named or "").encode()
    except UnicodeEncodeError:
        raise InputError(f"{where}: holds half a surrogate pair; repair the encoding") from None
    return Record(source.name, line, named, given)


def _id(given: Any, where: str) -> str | None:
    """Return an id as a text: of a number, and of true and false, as in JSON."""
    if given is None or (isinstance(given, float) and math.isnan(given)):
        return None  # NaN is a gap in a column of numbers
    if isinstance(given, (str, bool, int, float)):
        return given if isinstance(given, str) else json.dumps(given)
    raise InputError(f"{where}: the id is {given!r:.40}; ids are texts or numbers")
