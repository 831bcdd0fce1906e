"""Reads predictions from a file, part by part: our Parquet, or JSON lines of published records.

A published record holds `dataset`, `label_list`, `instance` with `words` and `labels`, and
`prediction`; it may hold `id` and `split`. JSON lines may be compressed (`.gz`).

Owns the formats. A part travels to another process as it was read and is only parsed there.

Example:
    for part in read_parts(Path("predictions.jsonl.gz")):
        for prediction in part.predictions():
            print(prediction.id)
"""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from gner_core.errors import InputError
from gner_core.records import PREDICTION_SCHEMA, Prediction, with_tuples

PART = 64
"""Sentences in a part: few enough that they stay in the processor's cache."""


@dataclass(frozen=True)
class ParquetPart:
    """Rows of a Parquet file written by gner."""

    rows: pa.RecordBatch

    def predictions(self) -> list[Prediction]:
        """Return the records of this part."""
        return [Prediction(**with_tuples(row)) for row in self.rows.to_pylist()]


@dataclass(frozen=True)
class JsonPart:
    """Lines of a JSONL file, and the number of the first one."""

    file: str
    first: int
    lines: list[bytes]

    def predictions(self) -> list[Prediction]:
        """Return the records of this part.

        Raises:
            InputError: for a line that is no record, with file, line and field.
        """
        return [
            _prediction(line, f"{self.file}, line {number}")
            for number, line in enumerate(self.lines, start=self.first)
            if not line.isspace()
        ]


def read_parts(path: Path) -> Iterator[ParquetPart | JsonPart]:
    """Yield the parts of a file in order.

    Raises:
        InputError: when the file is missing, broken, or of another form.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file of predictions")
    if path.suffix == ".parquet":
        yield from _parquet_parts(path)
    elif path.name.endswith((".jsonl", ".jsonl.gz", ".json")):
        yield from _json_parts(path)
    else:
        raise InputError(f"{path}: predictions are .parquet, .jsonl or .jsonl.gz files")


def _parquet_parts(path: Path) -> Iterator[ParquetPart]:
    try:
        with pq.ParquetFile(path) as file:
            missing = set(PREDICTION_SCHEMA.names) - set(file.schema_arrow.names)
            if missing:
                raise InputError(f"{path}: no predictions of gner; columns missing: {missing}")
            for batch in file.iter_batches(batch_size=PART, columns=PREDICTION_SCHEMA.names):
                yield ParquetPart(batch)
    except pa.ArrowException as error:
        raise InputError(f"{path}: not a readable Parquet file ({error})") from None


def _json_parts(path: Path) -> Iterator[JsonPart]:
    first = 1
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as handle:
        while True:
            try:
                lines = list(islice(handle, PART))
            except (OSError, EOFError, zlib.error) as error:
                raise InputError(f"{path}: cannot be read behind line {first} ({error})") from None
            if not lines:
                return
            yield JsonPart(str(path), first, lines)
            first += len(lines)


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


_DECODER = msgspec.json.Decoder(_Record)


def _prediction(line: bytes, where: str) -> Prediction:
    try:
        record = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{where}: not a record of a prediction: {error}") from None
    words, tags = record.instance.words, record.instance.labels
    if len(words) != len(tags):
        raise InputError(f"{where}: {len(words)} words but {len(tags)} labels")
    for tag in {*tags} - {"O"}:
        if not tag.startswith(("B-", "I-")):
            raise InputError(f"{where}: gold label {tag!r}; expected O, B-<type> or I-<type>")
    name = record.id or record.instance.id or where.rpartition(" ")[2]
    corpus, types = record.dataset, record.label_list
    identity = f"{corpus}/{name}"
    return Prediction(identity, corpus, words, tags, types, record.prediction, True, None)
