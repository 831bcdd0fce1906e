"""The records that all parts share, such as Sentence and Span, and their Parquet form.

Word positions are 0-based, ends are exclusive. Tags are BIO strings: `O`, `B-<type>`, `I-<type>`.

Example:
    >>> sentence = Sentence("news/train/0", "news", ("Ada", "waves"), ("B-person", "O"), ("person",))
    >>> spans_of(sentence.tags)
    [Span(start=0, end=1, label='person')]
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

STRINGS = pa.list_(pa.string())
ROW_GROUP = 16_384
"""Rows that are held in memory and written to a Parquet file together."""


class Span(NamedTuple):
    """An entity: words `start` up to, not including, `end`, of type `label`."""

    start: int
    end: int
    label: str

    def overlaps(self, other: "Span") -> bool:
        """Say whether the two share a word."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Sentence:
    """A tokenised sentence with one BIO tag a word.

    `types` holds the entity types that a prompt may ask for: the whole list of a closed corpus;
    where the list is open (Pile-NER), the types that occur in the sentence and those of questions
    without an answer.
    """

    id: str
    corpus: str
    words: tuple[str, ...]
    tags: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prediction(Sentence):
    """A sentence, the types of its prompt, and what the model wrote.

    `types` are in the order of the prompt. `finished` is False when the token limit cut the text
    off. `skipped` says why nothing was generated (a prompt over the model's limit).

    Guided decoding decides the tag of every word: `decided` holds the tags, `probabilities` the
    probability of each among the allowed ones. Both are None where a model wrote freely: its tags
    must be read from the text.
    """

    text: str
    finished: bool
    skipped: str | None
    decided: tuple[str, ...] | None = None
    probabilities: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Answered(Sentence):
    """A sentence, the types that were asked for, and what a system answered.

    `types` are in the order in which they were asked. `outputs` holds one text a call, `finished`
    says of each whether the system ended it. `skipped` says why nothing was asked. `read` and
    `written` count the tokens of the calls' prompts and answers, where the system has tokens.
    """

    outputs: tuple[str, ...]
    finished: tuple[bool, ...]
    skipped: str | None
    read: int
    written: int


SENTENCE_SCHEMA = pa.schema(
    [("id", pa.string()), ("corpus", pa.string())]
    + [(name, STRINGS) for name in ("words", "tags", "types")]
)
PREDICTION_SCHEMA = pa.schema(
    [
        *SENTENCE_SCHEMA,
        pa.field("text", pa.string()),
        pa.field("finished", pa.bool_()),
        pa.field("skipped", pa.string()),
        pa.field("decided", STRINGS),
        pa.field("probabilities", pa.list_(pa.float64())),
    ]
)
ANSWERED_SCHEMA = pa.schema(
    [
        *SENTENCE_SCHEMA,
        pa.field("outputs", STRINGS),
        pa.field("finished", pa.list_(pa.bool_())),
        pa.field("skipped", pa.string()),
        pa.field("read", pa.int64()),
        pa.field("written", pa.int64()),
    ]
)


def spans_of(tags: Sequence[str]) -> list[Span]:
    """Return the entities of a BIO sequence, left to right.

    A `B-` or a change of type opens an entity, an `I-` that follows nothing opens one too, so
    every tagged word belongs to exactly one span.
    """
    spans: list[Span] = []
    start, label = 0, ""
    for position, tag in enumerate((*tags, "O")):
        prefix, _, tag_label = tag.partition("-")
        if label and (prefix != "I" or tag_label != label):
            spans.append(Span(start, position, label))
            label = ""
        if prefix != "O" and not label:
            start, label = position, tag_label
    return spans


def confidence_of(span: Span, probabilities: Sequence[float]) -> float:
    """Return the confidence of an entity (0 to 1): the product of its words' probabilities.

    Args:
        probabilities: of the tag of each word of the sentence.
    """
    return math.prod(probabilities[span.start : span.end])


def is_bio(tags: Sequence[str]) -> bool:
    """Say whether every `I-` continues an entity of its type."""
    before = "O"
    for tag in tags:
        if tag != "O" and tag[0] == "I" and before[2:] != tag[2:]:
            return False
        before = tag
    return True


def published_spans(tags: Sequence[str]) -> list[Span]:
    """Return the entities that the paper's published code sees in a tag sequence.

    B or O closes an entity, an `I-` that follows nothing opens one, and an entity takes the type
    of its last word. Equal to `spans_of` where the tags are valid BIO.
    """
    spans: list[Span] = []
    start, last = -1, "O"
    for position, tag in enumerate(tags):
        if start >= 0 and (tag == "O" or tag[0] == "B"):
            spans.append(_span(start, position, last))
            start = -1
        if tag != "O":
            start = position if start < 0 else start
            last = tag
    if start >= 0:
        spans.append(_span(start, len(tags), last))
    return spans


def _span(start: int, end: int, tag: str) -> Span:
    return tuple.__new__(Span, (start, end, tag[2:]))  # Span(…) takes three times as long


def tags_of(spans: Iterable[Span], length: int) -> tuple[str, ...]:
    """Return the BIO tags of `length` words that carry `spans`.

    Raises:
        ValueError: when two spans overlap or one lies outside the words.
    """
    tags = ["O"] * length
    for span in spans:
        inside = range(span.start, span.end)
        if not inside or span.start < 0 or span.end > length:
            raise ValueError(f"{span} does not lie inside {length} words")
        if any(tags[position] != "O" for position in inside):
            raise ValueError(f"{span} overlaps another entity")
        for position in inside:
            tags[position] = ("B-" if position == span.start else "I-") + span.label
    return tuple(tags)


def write_sentences(path: Path, sentences: Iterable[Sentence]) -> None:
    """Write sentences as one Parquet file, in the order given, holding `ROW_GROUP` at a time."""
    _write(path, sentences, SENTENCE_SCHEMA)


def read_sentences(path: Path) -> list[Sentence]:
    """Read a Parquet file written by `write_sentences`."""
    return list(iter_sentences(path))


def iter_sentences(path: Path) -> Iterator[Sentence]:
    """Yield the sentences of a Parquet file written by `write_sentences`, a few at a time."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=ROW_GROUP):
            yield from sentences_of(batch)


def types_in(path: Path) -> set[str]:
    """Return the entity types of all sentences of a Parquet file written by `write_sentences`."""
    with pq.ParquetFile(path) as file:
        columns = [b.column("types") for b in file.iter_batches(columns=["types"])]
    return {kind for column in columns for kind in column.flatten().unique().to_pylist()}


def sentences_of(batch: pa.RecordBatch) -> list[Sentence]:
    """Return the rows of an Arrow batch with the columns of `SENTENCE_SCHEMA`."""
    rows = zip(*(_values(batch.column(name)) for name in SENTENCE_SCHEMA.names), strict=True)
    return [Sentence(*row) for row in rows]


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Write predictions as one Parquet file, in the order given."""
    _write(path, predictions, PREDICTION_SCHEMA)


def read_predictions(path: Path) -> list[Prediction]:
    """Read a Parquet file written by `write_predictions`."""
    rows = pq.read_table(path, schema=PREDICTION_SCHEMA).to_pylist()
    return [Prediction(**with_tuples(row)) for row in rows]


def write_answers(path: Path, answers: Iterable[Answered]) -> None:
    """Write answers of a system as one Parquet file, in the order given."""
    _write(path, answers, ANSWERED_SCHEMA)


def read_answers(path: Path) -> list[Answered]:
    """Read a Parquet file written by `write_answers`."""
    rows = pq.read_table(path, schema=ANSWERED_SCHEMA).to_pylist()
    return [Answered(**with_tuples(row)) for row in rows]


def with_tuples(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a Parquet file with tuples where it has lists, as records hold them."""
    return {name: tuple(v) if isinstance(v, list) else v for name, v in row.items()}


def _write(path: Path, records: Iterable[Sentence], schema: pa.Schema) -> None:
    remaining = iter(records)
    with pq.ParquetWriter(path, schema) as writer:
        while rows := list(islice(remaining, ROW_GROUP)):
            columns = {name: [getattr(row, name) for row in rows] for name in schema.names}
            writer.write_table(pa.table(columns, schema=schema))


def _values(column: pa.Array) -> list[Any]:
    """Return the values of a column of strings, or of lists of strings as tuples.

    Arrow's own conversion makes a Python object per value twice; for words that takes most of the
    time of reading a corpus.
    """
    if not pa.types.is_list(column.type):
        strings: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
        return strings
    values = column.flatten().to_numpy(zero_copy_only=False).tolist()
    ends = column.value_lengths().to_numpy().cumsum().tolist()
    starts = [0, *ends[:-1]]
    return [tuple(values[start:end]) for start, end in zip(starts, ends, strict=True)]
