"""Counts of sentences, words and entities, compared with Table 8 of the paper.

The catalog gives the reasons for differences (`CorpusParams.deviations`).

Example:
    >>> from gner_core.records import Sentence
    >>> count([Sentence("a", "c", ("Ada",), ("B-person",), ("person",))])["entities"]
    1
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gner_core.config.corpus import CorpusParams
from gner_core.records import Sentence
from gner_core.type_names import of_one_type, type_key

What = Literal["train", "valid", "test", "types"]
WHATS: tuple[What, ...] = ("train", "valid", "test", "types")


class Tally:
    """Counts sentences while they pass by, so that they need not be held in memory."""

    def __init__(self) -> None:
        self.sentences = self.words = self.longest = 0
        self.tags: Counter[str] = Counter()
        self.type_lists: set[tuple[str, ...]] = set()

    def counting(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Pass sentences on and count them."""
        for sentence in sentences:
            self.sentences += 1
            self.words += len(sentence.words)
            self.longest = max(self.longest, len(sentence.words))
            self.tags.update(sentence.tags)
            self.type_lists.add(sentence.types)
            yield sentence

    def extend(self, other: "Tally") -> None:
        """Add the counts of other sentences."""
        self.sentences += other.sentences
        self.words += other.words
        self.longest = max(self.longest, other.longest)
        self.tags.update(other.tags)
        self.type_lists |= other.type_lists

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers of sentences, words, entities, types, and entities of each type."""
        by_type = {tag[2:]: n for tag, n in sorted(self.tags.items()) if tag.startswith("B-")}
        return {
            "sentences": self.sentences,
            "words": self.words,
            "longest": self.longest,
            "types": len({label for types in self.type_lists for label in types}),
            "entities": sum(by_type.values()),
            "entities_by_type": by_type,
        }


def count(sentences: Iterable[Sentence]) -> dict[str, Any]:
    """Return the counts of `Tally`, whose tags must be BIO as `prepare` writes it."""
    tally = Tally()
    for _ in tally.counting(sentences):
        pass
    return tally.as_dict()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A number of Table 8 and ours; `reason` is None where they are equal or none is known."""

    corpus: str
    what: What
    paper: int
    here: int
    reason: str | None

    @property
    def differs(self) -> bool:
        """Say whether the numbers differ."""
        return self.paper != self.here


def doubts_about_labels(
    corpus: CorpusParams, statistics: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Yield what may be wrong with the labels of an entry, after the counts of its splits."""
    occurring = {name for counts in statistics.values() for name in counts["entities_by_type"]}
    labels = {} if corpus.labels == "open" else corpus.labels
    absent = [label for label, name in labels.items() if name not in occurring]
    if absent:
        yield f"labels: no split has an entity of {', '.join(absent)}"
    for label in corpus.labels_to_o:
        kept = [one for one in labels or sorted(occurring) if type_key(one) == type_key(label)]
        if kept:
            yield f"labels_to_o: {label} is not {', '.join(kept)}, which stays: capitals count"
    alike = [", ".join(group) for group in of_one_type(sorted(occurring))]
    if alike:
        more = f" and {len(alike) - 5} more" if len(alike) > 5 else ""
        yield f"types that differ in capitals or accents only: {'; '.join(alike[:5])}{more}"


def compare_with_table8(
    name: str, corpus: CorpusParams, statistics: Mapping[str, Mapping[str, Any]]
) -> list[Comparison]:
    """Compare the counts of a corpus, as `count` returns them, with its row in Table 8, if any."""
    if corpus.table8 is None:
        return []
    rows = []
    for what in WHATS:
        paper = getattr(corpus.table8, what)
        if paper is None:
            continue
        if what == "types":
            here = count_of_types(corpus, statistics)
        else:
            here = statistics[what]["sentences"] if what in statistics else 0
        reason = corpus.deviations.get(what) if here != paper else None
        rows.append(Comparison(name, what, paper, here, reason))
    return rows


def count_of_types(corpus: CorpusParams, statistics: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the number of types: of the label list, or of those that occur where it is open."""
    if corpus.labels != "open":
        return len(set(corpus.labels.values()))
    return len({label for counts in statistics.values() for label in counts["entities_by_type"]})
