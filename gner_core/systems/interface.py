"""What every system for named entity recognition offers.

A text system turns a sentence and its entity types into prompts that a language model continues. An
engine (`gliner`, `chat`) answers by itself: a model of another kind, or a server. What either
answers is kept as strings before it is read, so that a later reader can read it anew.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from gner_core.records import Span

END = "</s>"
"""The end of an answer within a prompt or a training text; tokenizers write their own end token."""


class Query(NamedTuple):
    """One prompt; `asked` is the only type that it asks for, None where it asks for all.

    A query that `follows` is the next turn of a conversation: its prompt goes on after the answer
    to the query before it.
    """

    prompt: str
    asked: str | None
    follows: bool = False


class Piece(NamedTuple):
    """A part of a training text; only parts with `loss` are learned."""

    text: str
    loss: bool


class Reading(NamedTuple):
    """What was read from the answers to a sentence.

    `spans` are sorted by start, end and label, and may overlap. `hallucinated` holds type and text
    of every answer that the sentence does not hold, `unknown` those whose type was not asked for,
    `ambiguous` counts answers with more occurrences in the sentence than answers, and `unread`
    says, in words, what could not be read.
    """

    spans: tuple[Span, ...]
    hallucinated: tuple[tuple[str, str], ...]
    unknown: tuple[tuple[str, str], ...]
    ambiguous: int
    unread: tuple[str, ...]


class Counts(NamedTuple):
    """What a system's own metric counts: right predictions, predictions, entities of the gold."""

    right: int
    predicted: int
    gold: int


class Reader(Protocol):
    """Reads answers; it never raises, whatever they hold, and never executes any of it."""

    def read(self, words: Sequence[str], types: Sequence[str], outputs: Sequence[str]) -> Reading:
        """Return the entities that the answers to a sentence name, one output a query."""


class TextSystem(Reader, Protocol):
    """A system whose model continues prompts."""

    @property
    def pieces_apart(self) -> bool:
        """Whether the pieces of a training text are tokenized one by one, not as one text."""

    def queries(self, words: Sequence[str], types: Sequence[str]) -> list[Query]:
        """Return the prompts for a sentence, with the types in the order given."""

    def examples(
        self,
        words: Sequence[str],
        spans: Sequence[Span],
        types: Sequence[str],
        draw: random.Random,
        *,
        epoch: int,
    ) -> list[tuple[Piece, ...]]:
        """Return the training texts of a sentence.

        Args:
            draw: makes every random choice.
            epoch: of the training, from 0.
        """


@runtime_checkable
class Scored(Protocol):
    """A system with a metric of its own, which its authors publish scores of."""

    def published(
        self,
        words: Sequence[str],
        gold: Sequence[Span],
        types: Sequence[str],
        outputs: Sequence[str],
    ) -> Counts:
        """Return the counts of one sentence; summed over a corpus they give precision and recall."""
