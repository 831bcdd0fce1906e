"""Type names belong to each system: our types go in and come out, the system sees its own names."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from gner_core.config.reading.tables import read_table
from gner_core.errors import InputError
from gner_core.records import Span
from gner_core.systems.interface import Counts, Piece, Query, Reader, Reading, Scored, TextSystem
from gner_core.type_names import fault_of_type, type_key


def type_names(file: str | None) -> Mapping[str, str]:
    """Return a system's names of our types; types that are not in the table keep their names.

    Raises:
        InputError: for a table that cannot be read, or holds what is no name of a type.
    """
    names = read_table(Path(file)) if file else {}
    for name, theirs in names.items():
        if fault := fault_of_type(theirs):
            raise InputError(f"{file}: {name}: {theirs!r} {fault}")
    return names


def ours_by_name(types: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    """Return the system's name → our type, in order.

    Raises:
        InputError: if the names give two types one name. Types that differ in capitals alone, as
            those of an open list may, are left alone.

    Example:
        >>> ours_by_name(["person", "metric"], {"metric": "metrics"})
        {'person': 'person', 'metrics': 'metric'}
    """
    ours: dict[str, str] = {}
    first: dict[str, str] = {}
    for name in types:
        theirs = names.get(name, name)
        other = first.setdefault(type_key(theirs), name)
        if other != name and (theirs != name or names.get(other, other) != other):
            raise InputError(
                f"type_names: {other} and {name} would both be called {theirs}; "
                "give each a name of its own"
            )
        ours[theirs] = name
    return ours


def retagged(tags: Sequence[str], labels: Mapping[str, str]) -> list[str]:
    """Return BIO tags with other labels; those that are not in `labels` stay."""
    return [f"{tag[:2]}{labels.get(tag[2:], tag[2:])}" for tag in tags]


class NamedReader:
    """A reader that knows types by other names."""

    def __init__(self, reader: Reader, names: Mapping[str, str]) -> None:
        """Take the reader's name of each of our types; a type that is left out keeps its name."""
        self._reader = reader
        self._names = names

    def read(self, words: Sequence[str], types: Sequence[str], outputs: Sequence[str]) -> Reading:
        """Return the entities with our types."""
        ours = self._ours(types)
        reading = self._reader.read(words, [*ours], outputs)
        return reading._replace(
            spans=tuple(sorted(s._replace(label=ours[s.label]) for s in reading.spans)),
            hallucinated=tuple((ours[name], text) for name, text in reading.hallucinated),
        )

    def _theirs(self, spans: Sequence[Span]) -> list[Span]:
        return [s._replace(label=self._names.get(s.label, s.label)) for s in spans]

    def _ours(self, types: Sequence[str]) -> dict[str, str]:
        return ours_by_name(types, self._names)


class NamedSystem(NamedReader):
    """A text system that knows types by other names."""

    def __init__(self, system: TextSystem, names: Mapping[str, str]) -> None:
        """Take the system's name of each of our types."""
        super().__init__(system, names)
        self._system = system

    @property
    def pieces_apart(self) -> bool:
        """As of the system."""
        return self._system.pieces_apart

    def queries(self, words: Sequence[str], types: Sequence[str]) -> list[Query]:
        """Return the prompts with the system's names; `asked` is our type."""
        ours = self._ours(types)
        queries = self._system.queries(words, [*ours])
        return [q._replace(asked=None if q.asked is None else ours[q.asked]) for q in queries]

    def examples(
        self,
        words: Sequence[str],
        spans: Sequence[Span],
        types: Sequence[str],
        draw: random.Random,
        *,
        epoch: int,
    ) -> list[tuple[Piece, ...]]:
        """Return the training texts with the system's names."""
        theirs = self._theirs(spans)
        return self._system.examples(words, theirs, [*self._ours(types)], draw, epoch=epoch)


class NamedScoredSystem(NamedSystem):
    """A text system with a metric of its own that knows types by other names."""

    def published(
        self,
        words: Sequence[str],
        gold: Sequence[Span],
        types: Sequence[str],
        outputs: Sequence[str],
    ) -> Counts:
        """Return the counts of the system's own metric, which compares its own names."""
        assert isinstance(self._system, Scored)
        return self._system.published(words, self._theirs(gold), [*self._ours(types)], outputs)
