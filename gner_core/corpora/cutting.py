"""Finds sentence ends in a passage and cuts long passages there.

A sentence ends at an empty line, and at `.`, `!` or `?` with any closing quotes and brackets after
it, before white space. A mark that is a token of its own always ends one; a mark at the end of a
word does not before a lower-case letter, nor does a dot after fewer than four letters, which mostly
is an abbreviation.

Example:
    >>> sentence_starts("Dr. Ada waits. Tea is late ! she goes.")
    [15, 29]
"""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate

_END = re.compile(
    r"""
    (?: (?<!\S) [.!?]+ ["')\]}”’»]*                       # a mark of its own
        (?: [ \t\r\n]+ ["')\]}”’»]+ (?!\S) )*             # closing signs of their own
        \s+ (?=\S)
      | (?: [!?] | (?<=\w{4}) \. ) ["')\]}”’»]* \s+ (?=\S)(?![a-z])
      | \n[ \t\r]*\n \s* (?=\S)
    )
    """,
    re.VERBOSE,
)


def sentence_starts(text: str) -> list[int]:
    """Return the offsets in `text` at which a sentence starts, without the first."""
    return [match.end() for match in _END.finditer(text)]


def starts_among_words(words: Sequence[str]) -> tuple[int, ...]:
    """Return the positions of words at which a sentence starts, without the first."""
    starts = set(sentence_starts(" ".join(words)))
    offsets = accumulate((len(word) + 1 for word in words), initial=0)
    return tuple(position for position, offset in enumerate(offsets) if offset in starts)


def pieces(tags: Sequence[str], starts: Sequence[int], *, limit: int) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of pieces of whole sentences with up to `limit` words.

    A longer sentence is a piece of its own, and no entity is cut.
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
