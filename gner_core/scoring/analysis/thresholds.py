"""Precision and recall of the paper's metric over a threshold of confidence.

At a threshold, those entities count as predicted whose confidence is at least that: what `predict`
returns with it. Counts are kept for every corpus and threshold; ratios are derived last.

Example:
    >>> counts = Thresholds(without=())
    >>> counts.add("news", gold={("rome", "city")}, found={("rome", "city"): 0.9, ("a", "b"): 0.4})
    >>> [(at, counts.precision) for at, counts in counts.curve() if at in (0, 0.5)]
    [(0.0, 0.5), (0.5, 1.0)]
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import accumulate
from typing import Any, NamedTuple

from gner_core.records import confidence_of, published_spans
from gner_core.scoring.metrics.counts import Counts
from gner_core.scoring.metrics.pairs import entity_pairs, normalised, pair_counts
from gner_core.scoring.scored import Scored

THRESHOLDS: tuple[float, ...] = (*(number / 20 for number in range(20)), 0.99)
"""0, 0.05, …, 0.95, and 0.99, since guided decoding is often that sure."""
Pair = tuple[str, str]
"""Text and type, both normalised."""


FOUND = ("right", "predicted")


class ThresholdPoint(NamedTuple):
    """A threshold, and the counts of all corpora together."""

    threshold: float
    counts: Counts


class Thresholds:
    """Counts of each corpus by threshold; those of parts of a file add up."""

    def __init__(self, *, without: Collection[str]) -> None:
        """Start empty; entities of the types in `without`, normalised, are not counted."""
        self.without = frozenset(without)
        self.gold: dict[str, int] = {}
        """Corpus → gold entities."""
        self.predicted: dict[str, list[int]] = {}
        """Corpus → entities from each threshold up to the next; those of `right` are right."""
        self.right: dict[str, list[int]] = {}

    def add_sentence(self, sentence: Scored) -> None:
        """Count a sentence; entities without a confidence are kept at every threshold."""
        if sentence.probabilities is None:
            self.add_sure({sentence.corpus: pair_counts(sentence)})
            return
        found: dict[Pair, float] = {}
        for span in published_spans(sentence.predicted):
            text = normalised(" ".join(sentence.words[span.start : span.end]))
            pair = (text, normalised(span.label))
            sure = confidence_of(span, sentence.probabilities)
            found[pair] = max(sure, found.get(pair, 0.0))
        self.add(sentence.corpus, gold=entity_pairs(sentence.words, sentence.gold), found=found)

    def add(self, corpus: str, *, gold: AbstractSet[Pair], found: Mapping[Pair, float]) -> None:
        """Count the gold entities of a sentence, and those found, with their confidences."""
        predicted, right = self._of(corpus)
        self.gold[corpus] += sum(label not in self.without for _, label in gold)
        for pair, confidence in found.items():
            if pair[1] not in self.without:
                number = bisect_right(THRESHOLDS, confidence) - 1
                predicted[number] += 1
                right[number] += pair in gold

    def add_sure(self, counts: Mapping[str, Mapping[str, Sequence[int]]]) -> None:
        """Add sentences without confidences: corpus → type → right, predicted and gold pairs."""
        for corpus, types in counts.items():
            predicted, right = self._of(corpus)
            for label, one in types.items():
                if label not in self.without:
                    right[-1] += one[0]
                    predicted[-1] += one[1]
                    self.gold[corpus] += one[2]

    def extend(self, other: "Thresholds") -> None:
        """Add the counts of another part."""
        for corpus, gold in other.gold.items():
            predicted, right = self._of(corpus)
            self.gold[corpus] += gold
            for number in range(len(THRESHOLDS)):
                predicted[number] += other.predicted[corpus][number]
                right[number] += other.right[corpus][number]

    def _of(self, corpus: str) -> tuple[list[int], list[int]]:
        self.gold.setdefault(corpus, 0)
        return (
            self.predicted.setdefault(corpus, [0] * len(THRESHOLDS)),
            self.right.setdefault(corpus, [0] * len(THRESHOLDS)),
        )

    def curve(self) -> list[ThresholdPoint]:
        """Return the points of the curve, by rising threshold."""
        return curve_of(self.values())

    def values(self) -> dict[str, Any]:
        """Return the thresholds, and of each corpus the counts at them, for JSON."""
        corpora = {
            corpus: {
                "gold": gold,
                "predicted": _from_here(self.predicted[corpus]),
                "right": _from_here(self.right[corpus]),
            }
            for corpus, gold in self.gold.items()
        }
        return {"thresholds": list(THRESHOLDS), "corpora": corpora}


def curve_of(values: Mapping[str, Any]) -> list[ThresholdPoint]:
    """Return the curve of what `Thresholds.values` returned."""
    corpora = values["corpora"].values()
    gold = sum(one["gold"] for one in corpora)

    def point(at: int, threshold: float) -> ThresholdPoint:
        right, predicted = (sum(one[name][at] for one in corpora) for name in FOUND)
        return ThresholdPoint(threshold, Counts(right, predicted, gold))

    return [point(*one) for one in enumerate(values["thresholds"])]


def best_of(curve: Sequence[ThresholdPoint]) -> ThresholdPoint:
    """Return the point with the highest F1; of equal ones, that of the lowest threshold."""
    return max(curve, key=lambda point: (point.counts.f1, -point.threshold))


def _from_here(counts: list[int]) -> list[int]:
    """Return the sums of each number and all behind it."""
    return list(accumulate(reversed(counts)))[::-1]
