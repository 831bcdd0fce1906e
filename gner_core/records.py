"""The records that flow through every room: Sentence, Span and Prediction, and their Parquet form.

Owns the in-memory types and how they are stored. Does not own where sentences come from
(`corpora`), what a prompt looks like (`schemas`) or what a score is (`scoring`).

Word positions are 0-based, ends are exclusive. Tags are BIO strings: `O`, `B-<type>`, `I-<type>`.

Example:
    >>> sentence = Sentence("news/train/0", "news", ("Ada", "waves"), ("B-person", "O"), ("person",))
    >>> spans_of(sentence.tags)
    [Span(start=0, end=1, label='person')]
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

STRINGS = pa.list_(pa.string())


@dataclass(frozen=True, slots=True)
class Span:
    """An entity: words `start` up to, not including, `end`, of type `label`."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A tokenised sentence with one BIO tag a word.

    `types` holds the entity types of its corpus that it may be asked for: the whole list of a
    closed corpus, only the types that occur in the sentence where the list is open (Pile-NER).
    """

    id: str
    corpus: str
    words: tuple[str, ...]
    tags: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """A sentence, what the model was asked and what it wrote.

    `types` are in the order of the prompt. `finished` is False when the text was cut off by the
    token limit. `skipped` names why nothing was generated (a prompt over the model's limit).
    """

    id: str
    corpus: str
    words: tuple[str, ...]
    tags: tuple[str, ...]
    types: tuple[str, ...]
    text: str
    finished: bool
    skipped: str | None


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
    """Write sentences as one Parquet file, in the order given."""
    rows = [asdict(sentence) for sentence in sentences]
    pq.write_table(pa.Table.from_pylist(rows, schema=SENTENCE_SCHEMA), path)


def read_sentences(path: Path) -> list[Sentence]:
    """Read a Parquet file written by `write_sentences`."""
    rows = pq.read_table(path, schema=SENTENCE_SCHEMA).to_pylist()
    return [Sentence(**with_tuples(row)) for row in rows]


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> None:
    """Write predictions as one Parquet file, in the order given."""
    rows = [asdict(prediction) for prediction in predictions]
    pq.write_table(pa.Table.from_pylist(rows, schema=PREDICTION_SCHEMA), path)


def read_predictions(path: Path) -> list[Prediction]:
    """Read a Parquet file written by `write_predictions`."""
    rows = pq.read_table(path, schema=PREDICTION_SCHEMA).to_pylist()
    return [Prediction(**with_tuples(row)) for row in rows]


def with_tuples(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a Parquet file with tuples where it has lists, as records hold them."""
    return {name: tuple(v) if isinstance(v, list) else v for name, v in row.items()}
