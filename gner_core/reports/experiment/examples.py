"""Example sentences of a report: gold and predicted entities, what is wrong, the worst first."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gner_core.records import Span, confidence_of, spans_of
from gner_core.scoring.metrics.pairs import entity_pairs, normalised
from gner_core.scoring.scored import Scored

MISSED, TYPE, BOUNDARY, SPURIOUS = "missed", "wrong type", "wrong boundary", "spurious"
NO_ERROR = "no error"
Judged = Sequence[tuple[Span, bool]]
"""Entities, and whether each is right by the paper's metric."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words: plain (`label` empty) or an entity, with how it compares."""

    text: str
    label: str = ""
    verdict: Literal["", "right", "wrong", "missed"] = ""
    """wrong: predicted, not in gold; missed: gold, not predicted."""
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence with its gold and its predicted entities."""

    test: str
    corpus: str
    gold: tuple[Piece, ...]
    predicted: tuple[Piece, ...]
    errors: tuple[str, ...]
    """Kinds of what is wrong, or that nothing is."""
    text: str
    """What the model wrote."""

    @property
    def types(self) -> tuple[str, ...]:
        """Types of its entities, of gold ones first."""
        return tuple(dict.fromkeys(p.label for p in (*self.gold, *self.predicted) if p.label))

    @property
    def faults(self) -> int:
        """Entities that are missed or wrong."""
        return sum(p.verdict in ("wrong", "missed") for p in (*self.gold, *self.predicted))


def choose_examples(scored: Mapping[str, Sequence[Scored]], *, count: int) -> tuple[Example, ...]:
    """Return examples taken evenly from all tests, those with most faults first.

    Sentences with gold entities are preferred.
    """
    chosen: list[Example] = []
    for number, (test, sentences) in enumerate(scored.items()):
        quota = count // len(scored) + (number < count % len(scored))
        usable = [s for s in sentences if set(s.gold) != {"O"}] or list(sentences)
        step = max(1, len(usable) // max(quota, 1))
        chosen += [example_of(test, s) for s in usable[::step][:quota]]
    return tuple(sorted(chosen, key=lambda one: -one.faults))


def example_of(test: str, s: Scored) -> Example:
    """Return a scored sentence of a test as an example."""
    written = s.written or s.words
    gold = _judged(s.words, s.gold, entity_pairs(written, s.predicted))
    found = _judged(written, s.predicted, entity_pairs(s.words, s.gold))
    errors = dict.fromkeys(_errors(gold, found, located=s.written is None))
    return Example(
        test,
        s.corpus,
        tuple(_pieces(s.words, gold, "missed", None)),
        tuple(_pieces(written, found, "wrong", s.probabilities)),
        tuple(errors) or (NO_ERROR,),
        s.text,
    )


def _judged(
    words: Sequence[str], tags: Sequence[str], others: Collection[tuple[str, str]]
) -> Judged:
    """Return the entities of tags, each right where the other side has its text and type."""
    return [
        (s, (normalised(" ".join(words[s.start : s.end])), normalised(s.label)) in others)
        for s in spans_of(tags)
    ]


def _errors(gold: Judged, found: Judged, *, located: bool) -> Iterator[str]:
    """Yield the kinds of errors; `located` says that both sides count the same words."""
    explained = set()
    for span in (span for span, right in gold if not right):
        touching = [other for other, _ in found if located and span.overlaps(other)]
        explained.update(touching)
        if not touching:
            yield MISSED
        else:
            yield BOUNDARY if any(o.label == span.label for o in touching) else TYPE
    if any(not right and span not in explained for span, right in found):
        yield SPURIOUS


def _pieces(
    words: Sequence[str],
    entities: Judged,
    fault: Literal["wrong", "missed"],
    probabilities: Sequence[float] | None,
) -> Iterator[Piece]:
    at = 0
    for span, right in entities:
        if span.start > at:
            yield Piece(" ".join(words[at : span.start]))
        text = " ".join(words[span.start : span.end])
        sure = None if probabilities is None else confidence_of(span, probabilities)
        yield Piece(text, span.label, "right" if right else fault, sure)
        at = span.end
    if at < len(words):
        yield Piece(" ".join(words[at:]))
