"""A scored sentence: gold and predicted tags, and what was wrong with the text; its Parquet form."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from gner_core.matching.modes import Matched, Matcher
from gner_core.records import STRINGS, Prediction, with_tuples


class Scored(NamedTuple):
    """A sentence with gold and predicted tags.

    `written` holds the words that `predicted` belongs to where those are not the sentence's
    (matching mode text), else None. `omitted`, `added` and `substituted` count words, `ambiguous`
    entities, `unknown_types` tags; `unread` says that text was left over, `cut_off` that the text
    ended at the token limit, `skipped` why there is none. `probabilities` says how probable each
    predicted tag was, where decoding was guided.
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


_INTEGERS = ("omitted", "added", "substituted", "ambiguous", "unknown_types")
SCORED_SCHEMA = pa.schema(
    [("id", pa.string()), ("corpus", pa.string())]
    + [(name, STRINGS) for name in ("words", "gold", "predicted", "written")]
    + [("text", pa.string())]
    + [(name, pa.int32()) for name in _INTEGERS]
    + [("unread", pa.bool_()), ("cut_off", pa.bool_()), ("skipped", pa.string())]
    + [("probabilities", pa.list_(pa.float64()))]
)


def score(prediction: Prediction, matcher: Matcher) -> Scored:
    """Read and align one prediction; tags that were decided need neither."""
    decided = prediction.decided
    if decided is not None:
        matched = Matched(decided, None, 0, 0, 0, 0, 0, False)
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


def write_scored(path: Path, scored: Iterable[Scored]) -> None:
    """Write scored sentences as one Parquet file."""
    rows = [sentence._asdict() for sentence in scored]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCORED_SCHEMA), path)


def read_scored(path: Path) -> list[Scored]:
    """Read a Parquet file written by `write_scored`."""
    rows = pq.read_table(path, schema=SCORED_SCHEMA).to_pylist()
    return [Scored(**with_tuples(row)) for row in rows]
