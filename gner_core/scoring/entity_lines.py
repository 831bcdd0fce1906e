"""Reads what `gner predict --format json` prints: a text a line, with entities in characters.

Example:
    >>> fault_of(ListedEntity(0, 4, "person", text="Ada"), "Ada waves")
    "its text is 'Ada', but 0 to 4 is 'Ada '; positions count characters, not bytes or UTF-16 units"
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from gner_core.corpora.readers.raw import text_lines
from gner_core.errors import InputError, other_form
from gner_core.strict import JSON

SHOWN = 60
"""Characters of a text that a message repeats."""


class ListedEntity(msgspec.Struct):
    """An entity: characters `start` up to, not including, `end`; `text` repeats them."""

    start: int
    end: int
    label: str
    text: str | None = None


class ListedText(msgspec.Struct):
    """A text and its entities in any order; they may overlap."""

    text: str
    entities: list[ListedEntity]


def read_texts(file: Path, named: Callable[[str], str]) -> list[ListedText] | None:
    """Return the texts that `gner predict` printed; None for a file of another kind.

    Args:
        named: label in the file → label that it is given.

    Raises:
        InputError: for a line of another kind, and an entity that its text cannot have.
    """
    texts: list[ListedText] = []
    for number, line in text_lines(file):
        if not line.strip():
            continue
        try:
            text = msgspec.convert(JSON.decode(line), ListedText)
        except (ValueError, RecursionError) as error:
            if not texts:
                return None
            raise InputError(
                f"{file}, line {number}: not a line of gner predict: {error}"
            ) from None
        _check(text, named, f"{file}, line {number}")
        for entity in text.entities:
            entity.label = named(entity.label)
        texts.append(text)
    return texts


def _check(text: ListedText, named: Callable[[str], str], where: str) -> None:
    """Raise InputError for an entity that the text cannot have, or that is listed twice."""
    seen: dict[tuple[int, int, str], int] = {}
    for number, entity in enumerate(text.entities, start=1):
        fault = fault_of(entity, text.text)
        key = (entity.start, entity.end, named(entity.label))
        first = seen.setdefault(key, number)
        if not fault and first != number:
            fault = f"is entity {first} once more; list it once"
        if fault:
            stands = f"entity {number} ({entity.start} to {entity.end}, {entity.label!r})"
            raise InputError(f"{where}, {stands}: {fault}")


def fault_of(entity: ListedEntity, text: str) -> str:
    """Return why a text cannot have an entity; empty where it can."""
    if not entity.label.strip() or entity.label == "O":
        return "a type has a name, not O"
    start, end = entity.start, entity.end
    if not 0 <= start < end <= len(text):
        return f"its text has the characters 0 to {len(text)}; an entity ends behind its start"
    found = text[start:end]
    if entity.text is not None and entity.text != found:
        hint = other_form(entity.text, found) or (
            "; positions count characters, not bytes or UTF-16 units"
        )
        return (
            f"its text is {entity.text[:SHOWN]!r}, but {start} to {end} is {found[:SHOWN]!r}{hint}"
        )
    if found != found.strip():
        return f"begins or ends with a blank: {found[:SHOWN]!r}; leave it out of the entity"
    return ""
