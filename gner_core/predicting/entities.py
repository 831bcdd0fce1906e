"""The entities that `predict` returns, and the entity types that it accepts.

Free of torch, so that the command line can use it.

Example:
    >>> checked_types(["person ", "New  York places"])
    ('person', 'New York places')
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from typing import Any

from gner_core.config.checkpoint import Description
from gner_core.errors import InputError
from gner_core.type_names import fault_of_type, one_blank, type_key

BYTES = bytes | bytearray | memoryview
SHOWN = 60
"""Characters of a text that a message repeats."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity: `source[start:end] == text` in characters, end exclusive.

    In a sequence of words, `start` and `end` count words, and `text` joins them with blanks.
    `confidence` (0 to 1) is the product of the probabilities of its words' labels, each
    normalised over the labels that are allowed there; with GLiNER, the score of the span; None with
    systems that answer with strings.
    """

    start: int
    end: int
    label: str
    text: str
    confidence: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the entity as JSON values."""
        return asdict(self)

    def to_json(self) -> str:
        """Return the entity as a JSON object."""
        return json.dumps(self.to_dict(), ensure_ascii=False)


def checked_types(types: Iterable[str]) -> tuple[str, ...]:
    """Return entity types with single blanks, in the order given.

    Raises:
        InputError: when there is none, one is no name of a type, or two are the same type.
    """
    names: dict[str, str] = {}
    for number, given in enumerate(listed(types, "types"), start=1):
        if not isinstance(given, str):
            raise InputError(f"type {number} is {given!r}, no text; name every type with a text")
        if fault := fault_of_type(given):
            raise InputError(f"type {number} {fault}")
        key = type_key(given)
        if key in names:
            raise InputError(
                f"type {number}, {_short(given)}, is there twice (as {_short(names[key])}); "
                "types must differ in more than case, blanks and the form of accents"
            )
        names[key] = one_blank(given)
    if not names:
        raise InputError("no types; name at least one entity type to look for")
    return tuple(names.values())


def listed(values: Iterable[Any], name: str) -> Iterable[Any]:
    """Return the values of a list, or of what can be read as one in its own order.

    Raises:
        InputError: for one text, bytes, a mapping, a set, a table, and what holds no values.
    """
    if isinstance(values, str):
        raise InputError(f"{name} is one text, {_short(values)}; give a list: [{_short(values)}]")
    if isinstance(values, BYTES):
        raise InputError(f"{name} is {kind_of(values)}; decode it, and give a list of texts")
    if isinstance(values, Mapping | AbstractSet) or not isinstance(values, Iterable):
        raise InputError(f"{name} is {kind_of(values)}; give a list of texts")
    if getattr(values, "ndim", 1) != 1:  # of pandas and NumPy
        raise InputError(f"{name} is {kind_of(values)}; give one column of it, or a list of texts")
    return values


def kind_of(value: object) -> str:
    """Return what a value is, in words: bytes, a mapping, None, of type int."""
    if value is None:
        return "None"
    if isinstance(value, BYTES):
        return "bytes"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a set" if isinstance(value, AbstractSet) else f"of type {type(value).__name__}"


def _short(text: str) -> str:
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")


def listed_types(text: str | None, single: Sequence[str]) -> tuple[str, ...]:
    """Return the types of a list with commas, followed by those given one by one.

    Raises:
        InputError: as `checked_types`, and for an empty list, as of a variable that is not set.
    """
    if text is not None and not text.strip():
        raise InputError("--types is empty; name the types to look for, or leave it out")
    given = [*(text.split(",") if text else ()), *single]
    return checked_types(given) if given else ()


def own_types(description: Description) -> tuple[str, ...]:
    """Return the types that a checkpoint was trained on last.

    Raises:
        InputError: where it has none, as an imported backbone.
    """
    if not description.types:
        raise InputError(
            f"no types; name at least one to look for: {description.backbone.name} has none of its own"
        )
    return description.types
