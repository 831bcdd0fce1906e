"""The entities that `predict` returns, and the entity types that it accepts.

Free of torch, so that the command line can use it.

Example:
    >>> checked_types(["person ", "New  York places"])
    ('person', 'New York places')
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gner_core.errors import InputError


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity: `source[start:end] == text` in characters, end exclusive.

    In a sequence of words, `start` and `end` count words, and `text` joins them with blanks.
    `confidence` (0 to 1) is the product of the probabilities of its words' labels, each
    normalised over the labels that are allowed there.
    """

    start: int
    end: int
    label: str
    text: str
    confidence: float

    def values(self) -> dict[str, Any]:
        """Return the entity as JSON values."""
        return asdict(self)


def checked_types(types: Iterable[str]) -> tuple[str, ...]:
    """Return entity types with single blanks, in the order given.

    Raises:
        InputError: when there is none, one is blank or no text, or two differ only in case or
            blanks.
    """
    if isinstance(types, str):
        raise InputError(f"types is one text, {types!r}; give a list: [{types!r}]")
    names: dict[str, str] = {}
    for number, given in enumerate(types, start=1):
        if not isinstance(given, str):
            raise InputError(f"type {number} is {given!r}, no text; name every type with a text")
        if any("\ud800" <= character <= "\udfff" for character in given):
            raise InputError(f"type {number} holds half a surrogate pair; repair the encoding")
        name = " ".join(given.split())
        if not name:
            raise InputError(f"type {number} is blank; leave it out or name it")
        if name.casefold() in names:
            raise InputError(
                f"type {number}, {given!r}, is there twice (as {names[name.casefold()]!r}); "
                "types must differ in more than case and blanks"
            )
        names[name.casefold()] = name
    if not names:
        raise InputError("no types; name at least one entity type to look for")
    return tuple(names.values())


def listed_types(text: str, single: Sequence[str]) -> tuple[str, ...]:
    """Return the types of a list with commas, followed by those given one by one."""
    return checked_types([*(text.split(",") if text.strip() else ()), *single])
