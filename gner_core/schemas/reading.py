"""Reads generated text back into words and tags. Never fails, whatever a model wrote.

A word is what stands between the end of one tag and the start of the next, so lost spaces
(`Rome(B-city),(O)`) do no harm. A tag with a type that was not asked for counts as O; text
behind the last tag has no tag and is returned as `rest`.

Example:
    >>> read_tagged("Ada(B-person) waves(O) hap", ("person",))
    ReadText(words=('Ada', 'waves'), tags=('B-person', 'O'), unknown=0, rest='hap')
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class ReadText:
    """Words and tags that were found, tags with an unknown type, and the text left over."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    unknown: int
    rest: str


def read_tagged(text: str, types: Sequence[str]) -> ReadText:
    """Split generated text into words and tags; tags without a word are dropped."""
    words: list[str] = []
    tags: list[str] = []
    unknown = end = 0
    for match in _pattern(tuple(types)).finditer(text):
        word = text[end : match.start()].strip()
        end = match.end()
        known = match["known"]
        unknown += known is None
        if word:
            words.append(word)
            tags.append(known or "O")
    return ReadText(tuple(words), tuple(tags), unknown, text[end:].strip())


@lru_cache(maxsize=4096)
def _pattern(types: tuple[str, ...]) -> re.Pattern[str]:
    """Known tags first, longest first, so that labels may hold brackets themselves."""
    tags = sorted((f"{p}-{name}" for name in types for p in "BI"), key=len, reverse=True)
    known = "|".join(re.escape(tag) for tag in [*tags, "O"])
    return re.compile(rf"\((?:(?P<known>{known})|[BI]-.+?)\)")
