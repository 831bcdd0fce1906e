"""UniNER as a text system."""

import random
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from gner_core.config.reading.tables import read_table
from gner_core.config.systems.uniner import UninerSystem
from gner_core.errors import InputError
from gner_core.records import Span
from gner_core.systems.interface import Counts, Piece, Query, Reading
from gner_core.systems.strings import place
from gner_core.systems.uniner.prompts import (
    answer,
    conversation,
    later_turn,
    prompt,
    published_conversation,
)
from gner_core.systems.uniner.published import published_counts, published_strings
from gner_core.systems.uniner.reading import read_list


class UniNer:
    """A conversation about a sentence, with one question for every type (Zhou et al., 2024)."""

    def __init__(self, params: UninerSystem) -> None:
        """Read the definitions, if the params name any."""
        self._params = params
        self._definitions = read_table(Path(params.definitions)) if params.definitions else None

    @property
    def pieces_apart(self) -> bool:
        """The published code tokenizes the pieces one by one."""
        return self._params.faithful

    def queries(self, words: Sequence[str], types: Sequence[str]) -> list[Query]:
        """Return one prompt a type; in a conversation all but the first are later turns."""
        queries = [Query(prompt(words, self._asked(name)), name) for name in types]
        if self._params.ask == "conversation":
            later = types[1:]
            queries[1:] = [Query(later_turn(self._asked(n)), n, follows=True) for n in later]
        return queries

    def examples(
        self,
        words: Sequence[str],
        spans: Sequence[Span],
        types: Sequence[str],
        draw: random.Random,
        *,
        epoch: int,
    ) -> list[tuple[Piece, ...]]:
        """Return one conversation with the questions in drawn order, the same in every epoch."""
        del epoch
        turns = [(self._asked(name), answer(_strings(words, spans, name))) for name in types]
        draw.shuffle(turns)
        write = published_conversation if self._params.faithful else conversation
        return [write(words, turns)]

    def read(self, words: Sequence[str], types: Sequence[str], outputs: Sequence[str]) -> Reading:
        """Return the entities that the answers name, one output a type."""
        answers: list[tuple[str, str]] = []
        unread: list[str] = []
        for name, output in zip(types, outputs, strict=False):
            strings, faults = self._listed(output)
            answers += [(name, text) for text in strings]
            unread += [f"{name}: {fault}" for fault in faults]
        unread += [f"{name}: no answer" for name in types[len(outputs) :]]
        placed = place(words, answers)
        return Reading(placed.spans, placed.hallucinated, (), placed.ambiguous, tuple(unread))

    def published(
        self,
        words: Sequence[str],
        gold: Sequence[Span],
        types: Sequence[str],
        outputs: Sequence[str],
    ) -> Counts:
        """Return the counts of the published metric, which compares the strings of every type."""
        answered = zip_longest(types, outputs, fillvalue="")  # a skipped sentence has no answers
        each = [published_counts(answer(_strings(words, gold, n)), text) for n, text in answered]
        return Counts(*map(sum, zip(*each, strict=True))) if each else Counts(0, 0, 0)

    def _asked(self, name: str) -> str:
        """Return what a question names: the type, or its definition."""
        if self._definitions is None:
            return name
        if name not in self._definitions:
            raise InputError(
                f"{self._params.definitions}: has no definition of {name}; add a line for it"
            )
        return self._definitions[name]

    def _listed(self, output: str) -> tuple[list[str], list[str]]:
        if not self._params.faithful:
            return read_list(output)
        try:
            return [*published_strings(output).values()], []
        except ValueError as error:
            return [], [str(error)]


def _strings(words: Sequence[str], spans: Sequence[Span], label: str) -> list[str]:
    """Return the texts of the entities of a type, in text order."""
    return [" ".join(words[s.start : s.end]) for s in sorted(spans) if s.label == label]
