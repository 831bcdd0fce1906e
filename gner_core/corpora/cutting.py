"""Finds sentence ends in a passage and cuts long passages there.

A sentence ends at `.`, `!` or `?` with any closing quotes and brackets behind it, before a blank.
A mark that stands alone always ends one. A mark at the end of a word does so only before something
else than a small letter, and a dot only behind four letters or more, since shorter words with a dot
are mostly abbreviations. An empty line ends a sentence, too.

Example:
    >>> sentence_starts("Dr. Ada waits. Tea is late ! she goes.")
    [15, 29]
"""

import re
from collections.abc import Iterator, Sequence

_END = re.compile(
    r"""
    (?: (?<!\S) [.!?]+ ["')\]}”’»]*                       # a mark that stands alone
        (?: [ \t\r\n]+ ["')\]}”’»]+ (?!\S) )*             # closing signs that stand alone
        \s+ (?=\S)
      | (?: [!?] | (?<=\w{4}) \. ) ["')\]}”’»]* \s+ (?=\S)(?![a-z])
      | \n[ \t\r]*\n \s* (?=\S)
    )
    """,
    re.VERBOSE,
)


def sentence_starts(text: str) -> list[int]:
    """Return the places in `text` at which a sentence starts, without the first."""
    return [match.end() for match in _END.finditer(text)]


def starts_among_words(words: Sequence[str]) -> tuple[int, ...]:
    """Return the positions of words at which a sentence starts, without the first."""
    places = set(sentence_starts(" ".join(words)))
    found, place = [], 0
    for position, word in enumerate(words):
        if place in places:
            found.append(position)
        place += len(word) + 1
    return tuple(found)


def pieces(tags: Sequence[str], starts: Sequence[int], *, limit: int) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of pieces that end at sentence ends and hold up to `limit` words.

    A single sentence longer than the limit stays whole, and no entity is ever cut.
    """
    start, last_end = 0, 0
    for end in [*starts, len(tags)]:
        if end < len(tags) and tags[end].startswith("I-"):
            continue
        if end - start > limit and last_end > start:
            yield start, last_end
            start = last_end
        last_end = end
    if start < len(tags):
        yield start, len(tags)
