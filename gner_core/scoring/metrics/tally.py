"""Sums the counts of sentences by corpus and type, and derives scores from them last.

Counts of parts of a file add up, so parts can be scored in parallel. The counts of each sentence
are kept: confidence intervals draw from them.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from gner_core.scoring.metrics.counts import ByType, Counts
from gner_core.scoring.metrics.pairs import normalised, pair_counts
from gner_core.scoring.metrics.published import published_counts
from gner_core.scoring.metrics.spans import span_counts
from gner_core.scoring.scored import Scored

METRICS: dict[str, Callable[[Scored], ByType]] = {
    "pair": pair_counts,
    "span": span_counts,
    "published": published_counts,
}
_FORMS: dict[str, Callable[[str], str]] = {"pair": normalised}
RATIOS = ("precision", "recall", "f1")


class Tally:
    """Counts by corpus: of each sentence, and of each type."""

    def __init__(self, *, without: Collection[str]) -> None:
        """Start empty; entities of the types in `without`, of `left_out`, are not counted."""
        self.without = frozenset(without)
        self.sentences: dict[str, list[tuple[int, int, int]]] = {}
        """Corpus → (right, predicted, gold) of every sentence."""
        self.sums: dict[str, dict[str, list[int]]] = {}
        """Corpus → type → right, predicted, gold."""

    def add(self, corpus: str, counts: ByType) -> None:
        """Add one sentence."""
        types = self.sums.setdefault(corpus, {})
        right = predicted = gold = 0
        for name, one in counts.items():
            if not self.without or name.lower() not in self.without:
                right += one[0]
                predicted += one[1]
                gold += one[2]
                _add(types, name, one)
        self.sentences.setdefault(corpus, []).append((right, predicted, gold))

    def extend(self, other: "Tally") -> None:
        """Add all sentences of another tally, after its own."""
        for corpus, rows in other.sentences.items():
            self.sentences.setdefault(corpus, []).extend(rows)
            types = self.sums.setdefault(corpus, {})
            for name, one in other.sums[corpus].items():
                _add(types, name, one)

    def types(self, corpus: str) -> dict[str, Counts]:
        """Return the counts of every type of a corpus, in alphabetical order."""
        return {name: Counts(*one) for name, one in sorted(self.sums[corpus].items())}

    def scores(self, *, without: Collection[str]) -> dict[str, Any]:
        """Return counts and ratios per corpus and type, and their averages.

        `macro` averages over corpora, as the paper does; `micro` sums over all; `macro_types` of a
        corpus averages over its types.
        """
        corpora: dict[str, Any] = {}
        counts: list[Counts] = []
        for name, rows in self.sentences.items():
            kept = {t: c for t, c in self.types(name).items() if t not in without}
            counts.append(sum(kept.values(), Counts()))
            corpora[name] = {
                **counts[-1].values(),
                "sentences": len(rows),
                "macro_types": mean_ratios(kept.values()),
                "types": {label: one.values() for label, one in kept.items()},
            }
        micro = sum(counts, Counts())
        return {"corpora": corpora, "macro": mean_ratios(counts), "micro": micro.values()}


def _add(types: dict[str, list[int]], name: str, counts: Sequence[int]) -> None:
    one = types.setdefault(name, [0, 0, 0])
    one[0] += counts[0]
    one[1] += counts[1]
    one[2] += counts[2]


def left_out(metric: str, types: Iterable[str]) -> frozenset[str]:
    """Return the types to leave out as a metric compares them: capitals make no difference."""
    return frozenset(map(_FORMS.get(metric, str.lower), types))


def tally(scored: Iterable[Scored], metric: str, *, without: Collection[str]) -> Tally:
    """Return the counts of sentences in one of `METRICS`, but for the types in `without`."""
    result = Tally(without=left_out(metric, without))
    for sentence in scored:
        result.add(sentence.corpus, METRICS[metric](sentence))
    return result


def mean_ratios(counts: Iterable[Counts]) -> dict[str, float]:
    """Return the unweighted means of precision, recall and F1."""
    all_counts = list(counts)
    size = max(len(all_counts), 1)
    return {name: sum(getattr(one, name) for one in all_counts) / size for name in RATIOS}
