"""What makes scores doubtful, as types that do not meet, and which types there are to leave out.

Example:
    >>> seen = Seen(tagged=True)
    >>> seen.gold["news"], seen.predicted["news"] = {"B-PER", "O"}, {"B-person", "O"}
    >>> list(seen.doubts("BIO", ("span",)))
    ['1 of 1 predicted types occur in no gold: person; the gold has PER']
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gner_core.errors import InputError, did_you_mean
from gner_core.records import Prediction
from gner_core.scoring.metrics.pairs import normalised
from gner_core.scoring.metrics.tally import left_out
from gner_core.scoring.scored import Scored

SHOWN = 8
"""Types that a line names."""
_MARKS = {
    "BIO": re.compile(r"\((?:[BI]-|O\))", re.IGNORECASE),
    "BIOES": re.compile(r"\((?:[BIES]-|O\))", re.IGNORECASE),
    "BI": re.compile(r"\([BI]-", re.IGNORECASE),
    "brackets": re.compile(r"\]\("),
}
"""Form of the labels in texts → what stands in a text of that form."""


@dataclass
class Seen:
    """The types asked for, and corpus → tags that stand in its gold, and in its predictions.

    `tagged` says that a text holds a tag of its form, or that no tags are read from texts.
    """

    asked: set[str] = field(default_factory=set)
    gold: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    predicted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    tagged: bool = False

    def ask(self, predictions: Sequence[Prediction], labels: str) -> None:
        """Note what was asked for, and whether texts are of a form: see `_MARKS`."""
        self.asked.update(*(one.types for one in predictions))
        mark = _MARKS[labels]
        self.tagged = self.tagged or any(
            one.decided is not None or mark.search(one.text) for one in predictions
        )

    def add(self, scored: Sequence[Scored]) -> None:
        """Note the types of gold and predicted entities."""
        for one in scored:
            predicted = self.predicted[one.corpus]
            self.gold[one.corpus].update(one.gold)
            predicted.update(one.predicted)
            predicted.update(f"B-{span.label}" for span in one.beside)
            if one.answers:
                predicted.update(f"B-{span.label}" for span in one.answers.spans)
                predicted.update(f"B-{label}" for label, _ in one.answers.hallucinated)

    def extend(self, other: "Seen") -> None:
        """Add what was seen in another part."""
        self.asked |= other.asked
        for mine, others in ((self.gold, other.gold), (self.predicted, other.predicted)):
            for corpus, tags in others.items():
                mine[corpus] |= tags
        self.tagged = self.tagged or other.tagged

    def check_left_out(self, types: Collection[str], metrics: Iterable[str]) -> None:
        """Check that there are all types that are to be left out.

        Raises:
            InputError: for one that is neither asked for nor in the gold or the predictions.
        """
        tags = (*self.gold.values(), *self.predicted.values())
        known = sorted(self.asked | _types(*tags))
        there = [(metric, left_out(metric, known)) for metric in metrics]
        for name in sorted(types):
            if all(left_out(metric, [name]).isdisjoint(names) for metric, names in there):
                raise InputError(
                    f"--leave-out {name!r}: no such type{did_you_mean(name, known)}; "
                    f"there are: {', '.join(known) or 'none'}"
                )

    def doubts(self, labels: str, metrics: Collection[str]) -> Iterator[str]:
        """Yield lines on what makes scores low, or higher than they look, without a word."""
        if not self.tagged:
            yield f"no text holds a tag of the form {labels}; name that of the texts with --labels"
        form = normalised if {*metrics} <= {"pair", "published"} else str
        gold, predicted = _types(*self.gold.values()), _types(*self.predicted.values())
        known = set(map(form, gold))
        strange = [name for name in predicted if form(name) not in known]
        if strange:
            yield (
                f"{len(strange):,} of {len(predicted):,} predicted types occur in no gold: "
                f"{_named(strange)}; the gold has {_named(gold) or 'none'}"
            )
        if "pair" in metrics:
            for names in self._merged():
                yield (
                    f"pair takes for one type: {_named(names)}; they differ in punctuation, "
                    "capitals or articles only, which span tells apart"
                )

    def _merged(self) -> Iterable[tuple[str, ...]]:
        """Return the types of a corpus that the metric pair does not tell apart."""
        found: dict[tuple[str, ...], None] = {}
        for corpus, tags in self.gold.items():
            groups: dict[str, list[str]] = defaultdict(list)
            for name in sorted(_types(tags, self.predicted[corpus])):
                groups[normalised(name)].append(name)
            found |= {tuple(names): None for names in groups.values() if len(names) > 1}
        return found


def _types(*tags: set[str]) -> set[str]:
    return {tag[2:] for one in tags for tag in one if tag != "O"}


def _named(types: Iterable[str]) -> str:
    first = sorted(types)
    return ", ".join(first[:SHOWN]) + (" …" if len(first) > SHOWN else "")
