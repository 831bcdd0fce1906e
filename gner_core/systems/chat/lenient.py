"""Reads lists and objects of strings as language models write them.

JSON and Python literals are read, with what models get wrong: missing or additional commas, quotes
that are not escaped, no closing bracket. Nothing is evaluated, nothing raises, and the time is
linear in the length of the text.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from gner_core.systems.strings import storable

CLOSING = {'"': '"', "'": "'", "“": "”", "‘": "’"}
"""Opening quote → the one that closes."""
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
DEEPEST = 8
"""Brackets within brackets; answers need two."""
BETWEEN = re.compile(r"[\s,]*")
AFTER_CLOSING = re.compile(r"\s*(?:[\]},:\"'“‘]|$)")
BARE = re.compile(r"[^,:\[\]{}\"“\n]+|.", re.DOTALL)
ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)


class Bare(NamedTuple):
    """What stands without quotes in the place of a value, such as null."""

    text: str


class List(NamedTuple):
    """A list; `whole` is False where the text ends before it does."""

    items: tuple["Value", ...]
    whole: bool

    @property
    def is_meant(self) -> bool:
        """Say whether it is more than brackets in prose: it has a string, or is `[]`."""
        return any(isinstance(item, str) for item in self.items) or (self.whole and not self.items)

    @property
    def inside(self) -> tuple["Value", ...]:
        """The values in it."""
        return self.items


class Object(NamedTuple):
    """An object; a key may be there twice, and what has no key has an empty one."""

    pairs: tuple[tuple[str, "Value"], ...]
    whole: bool

    @property
    def is_meant(self) -> bool:
        """Say whether it is more than brackets in prose: it has a key, or is `{}`."""
        return any(key for key, _ in self.pairs) or (self.whole and not self.pairs)

    @property
    def inside(self) -> tuple["Value", ...]:
        """The values in it."""
        return tuple(value for _, value in self.pairs)


Value = str | Bare | List | Object
T = TypeVar("T", List, Object)
Found = tuple[Value | None, int]
"""A value and where it ends; None for a string that the end of the text cuts off."""


def lists_in(text: str) -> Iterator[List]:
    """Yield the lists of a text from left to right, without those inside of them.

    Example:
        >>> [*lists_in("Sure [as asked]: ['Ada', 'O'Brien',]")]
        [List(items=('Ada', "O'Brien"), whole=True)]
    """
    return _all_in(text, "[", List)


def objects_in(text: str) -> Iterator[Object]:
    """Yield the objects of a text from left to right, without those inside of them.

    Example:
        >>> [*objects_in('{"person": ["Ada", "Bo')]
        [Object(pairs=(('person', List(items=('Ada',), whole=False)),), whole=False)]
    """
    return _all_in(text, "{", Object)


def _all_in(text: str, opening: str, kind: type[T]) -> Iterator[T]:
    at = 0
    while (at := text.find(opening, at)) >= 0:
        value, at = _value(text, at, 1)
        yield from _meant(value, kind)


def _meant(value: Value | None, kind: type[T]) -> Iterator[T]:
    """Yield a value of a kind, or those inside of one that is only brackets in prose."""
    if isinstance(value, kind) and value.is_meant:
        yield value
    elif isinstance(value, List | Object):
        for inner in value.inside:
            yield from _meant(inner, kind)


def _value(text: str, at: int, depth: int) -> Found:
    """Read the value at a position that is no blank, no comma and not the end."""
    opening = text[at]
    if opening in CLOSING:
        return _string(text, at)
    if opening == "[" and depth <= DEEPEST:
        return _list(text, at + 1, depth)
    if opening == "{" and depth <= DEEPEST:
        return _object(text, at + 1, depth)
    found = BARE.match(text, at)
    assert found is not None
    return Bare(found[0].strip()), found.end()


def _list(text: str, at: int, depth: int) -> Found:
    items: list[Value] = []
    while (at := _skipped(text, at)) < len(text):
        if text[at] == "]":
            return List(tuple(items), whole=True), at + 1
        item, at = _value(text, at, depth + 1)
        if item is not None:
            items.append(item)
    return List(tuple(items), whole=False), at


def _object(text: str, at: int, depth: int) -> Found:
    pairs: list[tuple[str, Value]] = []
    while (at := _skipped(text, at)) < len(text):
        if text[at] == "}":
            return Object(tuple(pairs), whole=True), at + 1
        key, at = _value(text, at, depth + 1)
        at = _skipped(text, at)
        value: Value | None = key
        name = ""
        if text[at : at + 1] == ":" and isinstance(key, str | Bare):
            name = key if isinstance(key, str) else key.text
            at = _skipped(text, at + 1)
            value, at = _value(text, at, depth + 1) if at < len(text) else (None, at)
        if value is not None:
            pairs.append((name, value))
    return Object(tuple(pairs), whole=False), at


def _skipped(text: str, at: int) -> int:
    found = BETWEEN.match(text, at)
    return found.end() if found else at


def _string(text: str, start: int) -> Found:
    """Read a string: it ends at a quote behind which a value can end; others belong to it."""
    closing, at = CLOSING[text[start]], start + 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == closing and AFTER_CLOSING.match(text, at + 1):
            return _unescaped(text[start + 1 : at]), at + 1
        else:
            at += 1
    return None, len(text)


def _unescaped(text: str) -> str:
    """Replace escapes of JSON and Python; half a surrogate pair becomes a replacement character."""
    if "\\" in text:
        text = ESCAPED.sub(_character, text)
    return storable(text)


def _character(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    return chr(int(code, 16)) if code else ESCAPES.get(found[3], found[3])
