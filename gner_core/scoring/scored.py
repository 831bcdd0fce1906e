"""A scored sentence: gold and predicted tags, and what was wrong with the text; its Parquet form."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from gner_core.matching.modes import Matched, Matcher
from gner_core.records import (
    STRINGS,
    Answered,
    Prediction,
    Sentence,
    Span,
    spans_of,
    tags_of,
    with_tuples,
)
from gner_core.systems.interface import Counts, Reader
from gner_core.systems.interface import Scored as HasMetric
from gner_core.systems.strings import without_overlaps


class Answers(NamedTuple):
    """What a system answered to a sentence, beyond the tags that it gives its words.

    `spans` may overlap; of those that do, `Scored.predicted` has some. `hallucinated` and `unknown`
    hold types and texts, see `gner_core.systems.interface.Reading`; `unread` says what could not be
    read. `published` holds right, predicted and gold of the system's own metric, where it has one.
    """

    spans: tuple[Span, ...]
    hallucinated: tuple[tuple[str, str], ...]
    unknown: tuple[tuple[str, str], ...]
    unread: tuple[str, ...]
    calls: int
    read: int
    """Tokens of the prompts."""
    written: int
    """Tokens of the answers."""
    published: Counts | None


class Scored(NamedTuple):
    """A sentence with gold and predicted tags.

    `written` holds the words that `predicted` belongs to where those are not the sentence's
    (matching mode text), else None. `omitted`, `added` and `substituted` count words, `ambiguous`
    entities, `unknown_types` tags; `unread` says that text was left over, `cut_off` that the text
    ended at the token limit, `skipped` why there is none. `probabilities` says how probable each
    predicted tag was, where decoding was guided. `answers` is there for systems beside gner.
    `beside` is there where entities were read from a file of their own: those that share words with
    entities in `predicted`, and those that go on in the next sentence, which end one word behind
    this one. They are predicted, too.
    """

    id: str
    corpus: str
    words: tuple[str, ...]
    gold: tuple[str, ...]
    text: str
    cut_off: bool
    skipped: str | None
    probabilities: tuple[float, ...] | None
    # What follows is a `Matched`, field by field.
    predicted: tuple[str, ...]
    written: tuple[str, ...] | None
    omitted: int
    added: int
    substituted: int
    ambiguous: int
    unknown_types: int
    unread: bool
    answers: Answers | None = None
    beside: tuple[Span, ...] = ()

    @property
    def predicted_spans(self) -> list[Span]:
        """All predicted entities as positions of words; those in `beside` may overlap others."""
        return [*spans_of(self.predicted), *self.beside]


_INTEGERS = ("omitted", "added", "substituted", "ambiguous", "unknown_types")
SCORED_SCHEMA = pa.schema(
    [("id", pa.string()), ("corpus", pa.string())]
    + [(name, STRINGS) for name in ("words", "gold", "predicted", "written")]
    + [("text", pa.string())]
    + [(name, pa.int32()) for name in _INTEGERS]
    + [("unread", pa.bool_()), ("cut_off", pa.bool_()), ("skipped", pa.string())]
    + [("probabilities", pa.list_(pa.float64()))]
)
_PAIRS = pa.list_(pa.struct([("type", pa.string()), ("text", pa.string())]))
_COUNTS = [(name, pa.int64()) for name in Counts._fields]
ANSWERS_TYPE = pa.struct(
    [
        (
            "spans",
            pa.list_(
                pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])
            ),
        ),
        ("hallucinated", _PAIRS),
        ("unknown", _PAIRS),
        ("unread", STRINGS),
        ("calls", pa.int32()),
        ("read", pa.int64()),
        ("written", pa.int64()),
        ("published", pa.struct(_COUNTS)),
    ]
)


def score(prediction: Prediction, matcher: Matcher) -> Scored:
    """Read and align one prediction; tags that were decided need neither."""
    if prediction.decided is not None:
        matched = _decided(prediction.decided)
    else:
        matched = matcher(prediction.words, prediction.types, prediction.text)
    return Scored(
        prediction.id,
        prediction.corpus,
        prediction.words,
        prediction.tags,
        prediction.text,
        not prediction.finished and prediction.skipped is None,
        prediction.skipped,
        prediction.probabilities,
        *matched,
    )


def score_tagged(sentence: Sentence, predicted: Sequence[str], beside: Sequence[Span]) -> Scored:
    """Return a sentence with predicted tags, and the entities beside them, that a file holds."""
    return Scored(
        sentence.id,
        sentence.corpus,
        sentence.words,
        sentence.tags,
        " ".join(sentence.words),
        False,
        None,
        None,
        *_decided(tuple(predicted)),
        beside=tuple(beside),
    )


def _decided(tags: tuple[str, ...]) -> Matched:
    return Matched(tags, None, 0, 0, 0, 0, 0, False)


def score_answers(answered: Answered, reader: Reader) -> Scored:
    """Read the answers to one sentence; of entities that overlap, the longest give the tags."""
    words, types, outputs = answered.words, answered.types, answered.outputs
    reading = reader.read(words, types, outputs)
    metric = reader.published if isinstance(reader, HasMetric) else None
    gold = spans_of(answered.tags)
    return Scored(
        answered.id,
        answered.corpus,
        words,
        answered.tags,
        "\n".join(outputs),
        not all(answered.finished),
        answered.skipped,
        probabilities=None,
        predicted=tags_of(without_overlaps(reading.spans), len(words)),
        written=None,
        omitted=0,
        added=0,
        substituted=0,
        ambiguous=reading.ambiguous,
        unknown_types=len(reading.unknown),
        unread=bool(reading.unread),
        answers=Answers(
            reading.spans,
            reading.hallucinated,
            reading.unknown,
            reading.unread,
            len(outputs),
            answered.read,
            answered.written,
            metric(words, gold, types, outputs) if metric else None,
        ),
    )


def write_scored(path: Path, scored: Sequence[Scored]) -> None:
    """Write scored sentences as one Parquet file; answers are a column where there are any."""
    schema, rows = SCORED_SCHEMA, [sentence._asdict() for sentence in scored]
    if any(sentence.answers for sentence in scored):
        schema = schema.append(pa.field("answers", ANSWERS_TYPE))
        for row in rows:
            row["answers"] = _as_values(row["answers"])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def read_scored(path: Path) -> list[Scored]:
    """Read a Parquet file written by `write_scored`."""
    rows = pq.read_table(path).to_pylist()
    for row in rows:
        if row.get("answers"):
            row["answers"] = _from_values(row["answers"])
    return [Scored(**with_tuples(row)) for row in rows]


def _as_values(answers: Answers) -> dict[str, Any]:
    return {
        **answers._asdict(),
        "spans": [span._asdict() for span in answers.spans],
        **{
            name: [{"type": kind, "text": text} for kind, text in getattr(answers, name)]
            for name in ("hallucinated", "unknown")
        },
        "published": answers.published and answers.published._asdict(),
    }


def _from_values(values: dict[str, Any]) -> Answers:
    published = values["published"]
    pairs = {
        name: tuple((one["type"], one["text"]) for one in values[name])
        for name in ("hallucinated", "unknown")
    }
    given = {
        **with_tuples(values),
        **pairs,
        "spans": tuple(Span(**span) for span in values["spans"]),
        "published": published and Counts(**published),
    }
    return Answers(**given)
