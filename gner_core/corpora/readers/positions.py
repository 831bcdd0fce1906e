r"""Positions of mentions in a text, whatever they count: the mention's own text decides.

Tools count code points, UTF-16 units (JavaScript), UTF-8 bytes, or a line end of CR and LF as one
sign. Where annotations hold the mention's text, it is compared with the text at its position.

Example:
    >>> said = Said([(3, 7)], "place", "Rome", "line 1")
    >>> in_code_points("\U0001f389 Rome", [said], repairs=Counter())
    [Mention(start=2, end=6, label='place')]
"""

import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

from gner_core.corpora.readers.raw import Mention
from gner_core.errors import InputError

DISCONTINUOUS = "discontinuous entities left out"


class Said(NamedTuple):
    """What an annotation says of an entity."""

    pieces: Sequence[tuple[int, int]]
    """Start and end of the entity, or of each of its pieces."""
    label: str
    text: str | None
    """The entity's text; None where the annotation does not hold it."""
    where: str
    """Where the annotation stands, for messages."""


def _utf16(text: str) -> list[int]:
    return [2 if sign > "\uffff" else 1 for sign in text]


def _crlf(text: str) -> list[int]:
    return [0 if pair == ("\r", "\n") else 1 for pair in zip(text, f"{text} "[1:], strict=True)]


def _both(text: str) -> list[int]:
    return [units * more for units, more in zip(_utf16(text), _crlf(text), strict=True)]


def _utf8(text: str) -> list[int]:
    # Half a character is refused where a file is read, not where its form is concluded.
    return [len(sign.encode(errors="surrogatepass")) for sign in text]


UNITS: dict[str, Callable[[str], list[int]]] = {
    "UTF-16 units": _utf16,
    "signs with CRLF as one": _crlf,
    "UTF-16 units with CRLF as one": _both,
    "UTF-8 bytes": _utf8,
}
"""What positions may count instead of code points → how many units each character of a text has."""


def in_code_points(text: str, said: Sequence[Said], *, repairs: Counter[str]) -> list[Mention]:
    """Return entities whose positions count code points.

    All positions in a text count the same. Without any text of an entity they are taken for code
    points. An entity of several pieces with words between them, which tags of words cannot say, is
    left out and counted.

    Raises:
        InputError: when an entity lies outside the text, or the text has something else there.
    """
    plain = [
        Mention(*one.pieces[0], one.label)
        for one in said
        if len(one.pieces) == 1
        and 0 <= one.pieces[0][0] < one.pieces[0][1] <= len(text)
        and (one.text is None or one.text == text[slice(*one.pieces[0])])
    ]
    if len(plain) == len(said):
        return plain  # the usual case, and fast
    given = [list(one.pieces) for one in said]
    fault = _fault(text, given, said)
    if fault is None:
        return _mentions(text, given, said, repairs)
    for unit, weights in UNITS.items() if any(one.text is not None for one in said) else ():
        starts = list(accumulate(weights(text), initial=0))
        moved = [[(_sign_at(starts, a), _sign_at(starts, b)) for a, b in one] for one in given]
        other = _fault(text, moved, said)
        if other is None:
            repairs[f"positions in {unit} converted"] += len(moved)
            return _mentions(text, moved, said, repairs)
        fault = max(fault, other, key=lambda one: one[0])
    raise InputError(fault[1])


def same_text(one: str, other: str) -> bool:
    """Say whether two texts differ in blanks, capitals and Unicode normal form only."""
    return one == other or _plain(one) == _plain(other)


def _plain(text: str) -> list[str]:
    return unicodedata.normalize("NFC", text).casefold().split()


class Utf16:
    """The positions of a text in UTF-16 units."""

    def __init__(self, text: str) -> None:
        """Count the units before each character."""
        self._starts = (
            [] if max(text, default="") <= "\uffff" else list(accumulate(_utf16(text), initial=0))
        )

    def code_point(self, offset: int) -> int:
        """Return the character that starts at an offset, -1 where none does."""
        return _sign_at(self._starts, offset) if self._starts else offset


def _sign_at(starts: Sequence[int], offset: int) -> int:
    """Return the first character that starts at an offset, -1 where none does."""
    at = bisect_left(starts, offset)
    return at if at < len(starts) and starts[at] == offset else -1


def _fault(
    text: str, pieces: Sequence[Sequence[tuple[int, int]]], said: Sequence[Said]
) -> tuple[int, str] | None:
    """Return the number of the first entity that does not fit, and what is wrong with it."""
    for number, (places, one) in enumerate(zip(pieces, said, strict=True)):
        if not all(0 <= start <= end <= len(text) for start, end in places):
            start, end = one.pieces[0][0], one.pieces[-1][1]
            outside = f"{start} to {end} lies outside the text's {len(text)} characters"
            return number, f"{one.where}: {outside}"
        if any(start == end for start, end in places):
            return number, f"{one.where}: an entity from {places[0][0]} to {places[-1][1]} is empty"
        covered = " ".join(text[start:end] for start, end in places)
        if one.text is not None and not same_text(one.text, covered):
            wrong = f"says {one.text[:60]!r} where the text has {covered[:60]!r}"
            return number, f"{one.where}: {wrong}{_other_form(one.text, text)}"
    return None


def _other_form(said: str, text: str) -> str:
    """Return the end of a message where a text holds a mention in another Unicode normal form."""
    plain, whole = (unicodedata.normalize("NFC", one) for one in (said, text))
    if said in text or plain not in whole:
        return ""
    return "; they differ in their Unicode normal form, so that positions do not fit: write both as one"


def _mentions(
    text: str,
    pieces: Sequence[Sequence[tuple[int, int]]],
    said: Sequence[Said],
    repairs: Counter[str],
) -> list[Mention]:
    mentions = []
    for places, one in zip(pieces, said, strict=True):
        starts, ends = zip(*places, strict=True)
        between = zip(sorted(ends)[:-1], sorted(starts)[1:], strict=True)
        if any(text[end:start].strip() for end, start in between):
            repairs[DISCONTINUOUS] += 1
        else:
            mentions.append(Mention(min(starts), max(ends), one.label))
    return mentions
