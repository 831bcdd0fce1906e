"""A text that is cut into windows of words, and what was found in it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gner_core.corpora.words import Word, split_words
from gner_core.errors import InputError
from gner_core.predicting.entities import BYTES, Entity, kind_of
from gner_core.predicting.finders.finder import Asked, Found
from gner_core.predicting.requests import Text, kept
from gner_core.predicting.results import Entities
from gner_core.predicting.windows import Window, merged
from gner_core.records import Span


class Answer(NamedTuple):
    """The entities of one text, and what of the answers is none."""

    entities: Entities
    faults: Counter[str]
    """By the names of `gner_core.predicting.faults`."""


@dataclass(frozen=True)
class Prepared:
    """A text with the windows in which its entities are looked for."""

    source: Text
    types: tuple[str, ...]
    words: list[Word]
    windows: list[Window]
    sizes: list[int]
    """Tokens of each window."""
    least: Mapping[str, float]
    """The least confidence of an entity that is kept, for the types that have one."""

    @property
    def asked(self) -> list[Asked]:
        """The words of each window, with the types."""
        shown = [word.text for word in self.words]
        return [(shown[window.start : window.end], self.types) for window in self.windows]

    def answer(self, found: Sequence[Found]) -> Answer:
        """Return the entities of the text, given what was found in each window, in order."""
        entities = []
        for number, span in merged(self.windows, [[*one.entities] for one in found]):
            start = self.windows[number].start
            inside = Span(span.start - start, span.end - start, span.label)
            entities.append(self._entity(span, found[number].entities[inside]))
        shown = Entities(kept(entities, self.least), text=self.source, types=self.types)
        return Answer(shown, sum((one.faults for one in found), Counter()))

    def _entity(self, span: Span, confidence: float | None) -> Entity:
        """Return an entity with its offsets in the source."""
        first, last = self.words[span.start], self.words[span.end - 1]
        piece = self.source[first.start : last.end]
        text = piece if isinstance(piece, str) else " ".join(piece)
        return Entity(first.start, last.end, span.label, text, confidence)


def words_of(source: Text, name: str) -> list[Word]:
    """Return the words of a text.

    Args:
        name: of the text, for messages.

    Raises:
        InputError: for what is no text, or no words, or holds broken characters.
    """
    if isinstance(source, BYTES):
        raise InputError(f"{name} is bytes; decode it")
    if not isinstance(source, Sequence):
        raise InputError(f"{name} is {kind_of(source)}; give a text, or its words")
    try:
        return split_words(source) if isinstance(source, str) else _given_words(source)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _given_words(source: Sequence[str]) -> list[Word]:
    """Return words that were split already; their offsets count words."""
    words = []
    for number, text in enumerate(source):
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"word {number + 1} is {text!r}; a word is a text that is not blank")
        split_words(text)  # refuses broken encodings
        words.append(Word(text, number, number + 1))
    return words
