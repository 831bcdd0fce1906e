"""From predictions to scores: match every sentence, count, and say what went wrong in the text.

Owns the scored sentence and the summary of an evaluation. Does not own the rules: alignment is
`gner_core.matching`, the metric `gner_core.scoring.pairs`.

Example:
    scored = [score(prediction, back={}) for prediction in read_predictions(path)]
    summary = summarise(scored)
    summary["corpora"]["news"]["f1"]
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gner_core.matching.align import align
from gner_core.records import STRINGS, Prediction, with_tuples
from gner_core.schemas.reading import read_tagged
from gner_core.scoring.counts import Counts, total
from gner_core.scoring.pairs import pair_counts


@dataclass(frozen=True, slots=True)
class Scored:
    """A sentence with gold and predicted tags, its counts, and what the text got wrong."""

    id: str
    corpus: str
    words: tuple[str, ...]
    gold: tuple[str, ...]
    predicted: tuple[str, ...]
    text: str
    right: int
    predicted_entities: int
    gold_entities: int
    omitted: int
    added: int
    substituted: int
    unknown_types: int
    cut_off: bool

    @property
    def counts(self) -> Counts:
        """Right, predicted and gold entity pairs."""
        return Counts(self.right, self.predicted_entities, self.gold_entities)


_INTEGERS = (
    "right",
    "predicted_entities",
    "gold_entities",
    "omitted",
    "added",
    "substituted",
    "unknown_types",
)
SCORED_SCHEMA = pa.schema(
    [("id", pa.string()), ("corpus", pa.string())]
    + [(name, STRINGS) for name in ("words", "gold", "predicted")]
    + [("text", pa.string())]
    + [(name, pa.int32()) for name in _INTEGERS]
    + [("cut_off", pa.bool_())]
)


def score(prediction: Prediction, *, back: Mapping[str, str]) -> Scored:
    """Read, align and count one prediction; `back` as in `gner_core.matching.align`."""
    read = read_tagged(prediction.text, prediction.types)
    aligned = align(prediction.words, read.words, read.tags, back=back)
    counts = pair_counts(prediction.words, prediction.tags, aligned.tags)
    return Scored(
        id=prediction.id,
        corpus=prediction.corpus,
        words=prediction.words,
        gold=prediction.tags,
        predicted=aligned.tags,
        text=prediction.text,
        right=counts.right,
        predicted_entities=counts.predicted,
        gold_entities=counts.gold,
        omitted=aligned.omitted,
        added=aligned.added,
        substituted=aligned.substituted,
        unknown_types=read.unknown,
        cut_off=not prediction.finished,
    )


def summarise(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return scores per corpus, their means over corpora, and the shares of faulty texts.

    `macro` holds the mean of precision, recall and F1 over corpora, as the paper reports it.
    """
    groups: dict[str, list[Scored]] = defaultdict(list)
    for sentence in scored:
        groups[sentence.corpus].append(sentence)
    corpora = {
        name: {**_ratios(total(s.counts for s in group)), "sentences": len(group)}
        for name, group in groups.items()
    }
    names = ("precision", "recall", "f1")
    macro = {name: _mean([scores[name] for scores in corpora.values()]) for name in names}
    return {"corpora": corpora, "macro": macro, "texts": _faults(scored)}


def _ratios(counts: Counts) -> dict[str, Any]:
    ratios = {name: getattr(counts, name) for name in ("precision", "recall", "f1")}
    return {**asdict(counts), **ratios}


def _faults(scored: Sequence[Scored]) -> dict[str, int]:
    """Count texts by what is wrong with them; a text can be in several rows."""
    return {
        "all": len(scored),
        "exact copy": sum(not (s.omitted or s.added or s.substituted) for s in scored),
        "omitted words": sum(bool(s.omitted) for s in scored),
        "added words": sum(bool(s.added) for s in scored),
        "substituted words": sum(bool(s.substituted) for s in scored),
        "unknown types": sum(bool(s.unknown_types) for s in scored),
        "cut off": sum(s.cut_off for s in scored),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def write_scored(path: Path, scored: Iterable[Scored]) -> None:
    """Write scored sentences as one Parquet file."""
    rows = [asdict(sentence) for sentence in scored]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCORED_SCHEMA), path)


def read_scored(path: Path) -> list[Scored]:
    """Read a Parquet file written by `write_scored`."""
    rows = pq.read_table(path, schema=SCORED_SCHEMA).to_pylist()
    return [Scored(**with_tuples(row)) for row in rows]
