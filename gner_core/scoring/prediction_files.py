"""Reads predictions from a file, part by part: our Parquet, or JSON lines of published records.

A published record holds `dataset`, `label_list`, `instance` with `words` and `labels`, and
`prediction`; it may hold `id` and `split`. JSON lines may be compressed (`.gz`).

A part is sent to another process unparsed, mostly as a position in the file.
"""

import gzip
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from gner_core.corpora.readers.raw import encoding_of
from gner_core.errors import InputError, other_form
from gner_core.records import PREDICTION_SCHEMA, Prediction, with_tuples
from gner_core.scoring.scored import Scored
from gner_core.strict import JSON

BATCH = 64
"""Sentences that are handled together: few enough to stay in the processor's cache."""
TABLES = (b"PAR1", b"ARROW1")
"""First bytes of files of other kinds."""
PART_BYTES, PART_ROWS = 1 << 20, 1024
"""Size of a part: text of a JSON file, rows of a Parquet file."""


@dataclass(frozen=True)
class ParquetPart:
    """Rows of a Parquet file written by gner."""

    file: str
    first: int
    """Number of the first row, from 1."""
    rows: pa.RecordBatch

    def batches(self) -> Iterator[list[Prediction]]:
        """Yield the records of this part, some at a time.

        Raises:
            InputError: for a row that is no record, with file and row.
        """
        for at in range(0, self.rows.num_rows, BATCH):
            rows = self.rows.slice(at, BATCH).to_pylist()
            yield [
                _checked(Prediction(**with_tuples(row)), f"{self.file}, row {number}")
                for number, row in enumerate(rows, start=self.first + at)
            ]


@dataclass(frozen=True)
class JsonPart:
    """Whole lines of a JSONL file: their position, or their text if it was compressed."""

    file: str
    line: int
    """Number of the first line, from 1."""
    start: int
    size: int
    text: bytes | None

    def batches(self) -> Iterator[list[Prediction]]:
        """Yield the records of this part, some at a time.

        Raises:
            InputError: for a line that is no record, with file, line and field.
        """
        lines = self._text().split(b"\n")
        for at in range(0, len(lines), BATCH):
            yield [
                _prediction(line, f"{self.file}, line {number}")
                for number, line in enumerate(lines[at : at + BATCH], start=self.line + at)
                if line.removeprefix(BOM_UTF8).strip()
            ]

    def _text(self) -> bytes:
        if self.text is not None:
            return self.text
        with Path(self.file).open("rb") as handle:
            handle.seek(self.start)
            return handle.read(self.size)


@dataclass(frozen=True)
class PairPart:
    """Some sentences of a pair of files, whose labels need not be read from texts."""

    scored: list[Scored]


Part = ParquetPart | JsonPart


def pair_parts(pairs: Iterator[Scored]) -> Iterator[PairPart]:
    """Yield the sentences of a pair of files in parts."""
    while some := list(islice(pairs, PART_ROWS)):
        yield PairPart(some)


def read_parts(path: Path) -> Iterator[Part]:
    """Yield the parts of a file in order.

    Raises:
        InputError: when the file is missing, broken, or of another form.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file of predictions")
    if path.suffix == ".parquet":
        yield from _parquet_parts(path)
    elif path.name.endswith((".jsonl", ".jsonl.gz")):
        yield from _json_parts(path)
    else:
        raise InputError(
            f"{path}: predictions are .parquet, .jsonl or .jsonl.gz files; with the gold in a file "
            "of its own, of any format: gner score GOLD PREDICTED"
        )


def read_predictions_of(path: Path) -> Iterator[Prediction]:
    """Yield every record of a file."""
    for part in read_parts(path):
        for batch in part.batches():
            yield from batch


def _parquet_parts(path: Path) -> Iterator[ParquetPart]:
    try:
        with pq.ParquetFile(path) as file:
            known = file.schema_arrow.names
            missing = ", ".join(name for name in PREDICTION_SCHEMA.names if name not in known)
            if missing:
                raise InputError(f"{path}: no predictions of gner; columns missing: {missing}")
            for column in PREDICTION_SCHEMA:
                found = file.schema_arrow.field(column.name).type
                if found != column.type:
                    raise InputError(
                        f"{path}: column {column.name} holds {found}; expected {column.type}"
                    )
            first = 1
            for batch in file.iter_batches(batch_size=PART_ROWS, columns=PREDICTION_SCHEMA.names):
                yield ParquetPart(str(path), first, batch)
                first += batch.num_rows
    except pa.ArrowException as error:
        raise InputError(f"{path}: not a readable Parquet file ({error})") from None


def _json_parts(path: Path) -> Iterator[JsonPart]:
    packed = path.suffix == ".gz"
    line, start = 1, 0
    with gzip.open(path) if packed else path.open("rb") as handle:
        while True:
            try:
                text = handle.read(PART_BYTES) + handle.readline()
            except (OSError, EOFError, zlib.error) as error:
                raise InputError(f"{path}: cannot be read behind line {line} ({error})") from None
            if not text:
                return
            if line == 1 and text.startswith(TABLES):
                raise InputError(
                    f"{path}: Parquet or Arrow, no JSON lines; name it .parquet if gner wrote it"
                )
            if line == 1 and encoding_of(path, text) != "utf-8":
                raise InputError(f"{path}: UTF-16; save it as UTF-8")
            yield JsonPart(str(path), line, start, len(text), text if packed else None)
            line += text.count(b"\n")
            start += len(text)


MAY_BE_NULL = ("skipped", "decided", "probabilities")
PER_WORD = ("tags", "decided", "probabilities")
TAG_FORMS = "O, B-<type> or I-<type>"


def _checked(one: Prediction, where: str) -> Prediction:
    """Return a record of a Parquet file, in which any value may be null.

    Raises:
        InputError: when something is missing, or words, tags and confidences do not fit together.
    """
    values = {name: getattr(one, name) for name in PREDICTION_SCHEMA.names}
    for name, value in values.items():
        if (value is None and name not in MAY_BE_NULL) or (type(value) is tuple and None in value):
            raise InputError(f"{where}: null in {name}")
        if name in PER_WORD and value is not None and len(value) != len(one.words):
            raise InputError(f"{where}: {len(one.words)} words but {len(value)} {name}")
    for tag in (*one.tags, *(one.decided or ())):
        if not _is_tag(tag):
            raise InputError(f"{where}: tag {tag!r}; expected {TAG_FORMS}")
    if not all(0 <= value <= 1 for value in one.probabilities or ()):
        raise InputError(f"{where}: probabilities holds others than numbers from 0 to 1")
    return one


@lru_cache(maxsize=4096)
def _is_tag(tag: str) -> bool:
    return tag == "O" or (tag.startswith(("B-", "I-")) and bool(tag[2:].strip()))


class _Instance(msgspec.Struct):
    words: tuple[str, ...]
    labels: tuple[str, ...]
    id: str | int | None = None


class _Record(msgspec.Struct):
    dataset: str
    label_list: tuple[str, ...]
    instance: _Instance
    prediction: str
    id: str | int | None = None


ENTITIES = b'"entities"'
"""A key in the output of `gner predict`, which says nothing of the gold."""
KEYS = ("dataset", "label_list", "instance", "words", "labels", "prediction")
"""The keys of a record that a score depends on."""
_KEY = re.compile(rf'"(?:{"|".join(KEYS)})"\s*:'.encode())
_DECODER = msgspec.json.Decoder(_Record)


def _prediction(line: bytes, where: str) -> Prediction:
    line = line.removeprefix(BOM_UTF8)  # also of files that were joined
    try:
        record = _DECODER.decode(line)
        if len(_KEY.findall(line)) > len(KEYS):  # msgspec takes the last of equal keys
            JSON.decode(line.decode())
    except (ValueError, RecursionError) as error:
        hint = "; give the gold before it: gner score GOLD PREDICTED" if ENTITIES in line else ""
        if b"\r{" in line:
            hint = "; lines end with CR alone here: end them with LF"
        raise InputError(f"{where}: not a record of a prediction: {error}{hint}") from None
    words, tags = record.instance.words, record.instance.labels
    if len(words) != len(tags):
        raise InputError(f"{where}: {len(words)} words but {len(tags)} labels")
    corpus, types = record.dataset, record.label_list
    if not _tags(types).issuperset(tags):
        raise InputError(f"{where}: {_wrong_tag(tags, types)}")
    if not _are_named(types):
        raise InputError(f"{where}: label_list holds {_listed(types)}; a type has a name, not O")
    name = record.id or record.instance.id or where.rpartition(" ")[2]
    identity = f"{corpus}/{name}"
    return Prediction(identity, corpus, words, tags, types, record.prediction, True, None)


@lru_cache(maxsize=4096)
def _tags(types: tuple[str, ...]) -> frozenset[str]:
    """Return the gold tags that a list of types allows."""
    return frozenset(["O", *(f"{prefix}-{name}" for name in types if name for prefix in "BI")])


@lru_cache(maxsize=4096)
def _are_named(types: tuple[str, ...]) -> bool:
    return all(name.strip() and name != "O" for name in types)


def _wrong_tag(tags: Sequence[str], types: tuple[str, ...]) -> str:
    tag = next(tag for tag in tags if tag not in _tags(types))
    if not _is_tag(tag):
        return f"gold label {tag!r}; expected {TAG_FORMS}"
    listed = f"only {_listed(types)}" if types else "which is empty"
    hint = next(filter(None, (other_form(tag[2:], name) for name in types)), "")
    return f"gold type {tag[2:]!r} is not in label_list, {listed}; a model cannot find it{hint}"


def _listed(types: Sequence[str]) -> str:
    """Return types so that blanks around them are seen."""
    return ", ".join(one if one.split() == one.split(" ") else repr(one) for one in types)
