"""Partial and type scores in the sense of SemEval 2013, counted by the library nervaluate.

- strict: words and type; exact: words, whatever the type;
- partial: half a point where words only overlap; ent_type: type, where words overlap.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from nervaluate.entities import EvaluationResult
from nervaluate.evaluator import Evaluator

from gner_core.records import Span, spans_of
from gner_core.scoring.metrics.spans import require_positions
from gner_core.scoring.scored import Scored

SCHEMES = ("strict", "exact", "partial", "ent_type")
_COUNTS = ("correct", "incorrect", "partial", "missed", "spurious")


class PartialScores:
    """Counts by corpus and scheme; those of parts of a file add up."""

    def __init__(self, *, without: Collection[str]) -> None:
        """Start empty; entities of the types in `without`, of `left_out`, are not counted."""
        self.without = frozenset(without)
        self.counts: dict[str, dict[str, Counter[str]]] = {}

    def add(self, scored: Sequence[Scored]) -> None:
        """Count sentences.

        Raises:
            InputError: when entities are not located in the sentence (matching mode text).
        """
        groups: dict[str, list[Scored]] = defaultdict(list)
        for sentence in scored:
            require_positions(sentence)
            groups[sentence.corpus].append(sentence)
        for corpus, group in groups.items():
            self._merge(corpus, _count(group, self.without))

    def extend(self, other: "PartialScores") -> None:
        """Add the counts of another part."""
        for corpus, schemes in other.counts.items():
            self._merge(corpus, schemes)

    def values(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return corpus → scheme → counts, precision, recall and F1."""
        return {
            corpus: {scheme: _ratios(scheme, counts) for scheme, counts in schemes.items()}
            for corpus, schemes in self.counts.items()
        }

    def _merge(self, corpus: str, schemes: dict[str, Counter[str]]) -> None:
        mine = self.counts.setdefault(corpus, {scheme: Counter() for scheme in SCHEMES})
        for scheme, counts in schemes.items():
            mine[scheme].update(counts)


def _count(group: Sequence[Scored], without: Collection[str]) -> dict[str, Counter[str]]:
    gold = [_entities(spans_of(s.gold), without) for s in group]
    found = [_entities(_right_first(s), without) for s in group]
    tags = sorted({entity["label"] for row in (*gold, *found) for entity in row})
    overall = Evaluator(gold, found, tags=tags, loader="dict").evaluate()["overall"]
    return {
        scheme: Counter({name: getattr(overall[scheme], name) for name in _COUNTS})
        for scheme in SCHEMES
    }


def _right_first(scored: Scored) -> list[Span]:
    """Return the predicted entities; of some that overlap, the library counts the first one."""
    if not scored.beside:
        return scored.predicted_spans
    gold = {*spans_of(scored.gold)}
    return sorted(scored.predicted_spans, key=lambda span: span not in gold)


def _ratios(scheme: str, counts: Counter[str]) -> dict[str, float]:
    result = EvaluationResult(**{name: counts[name] for name in _COUNTS})
    result.compute_metrics(partial_or_type=scheme in ("partial", "ent_type"))
    names = (*_COUNTS, "possible", "actual", "precision", "recall", "f1")
    return {name: getattr(result, name) for name in names}


def _entities(spans: Sequence[Span], without: Collection[str]) -> list[dict[str, Any]]:
    """Return entities as the library has them: word positions, both inclusive."""
    return [
        {"label": s.label, "start": s.start, "end": s.end - 1}
        for s in spans
        if s.label.lower() not in without
    ]
