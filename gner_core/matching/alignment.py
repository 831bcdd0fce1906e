"""The result of matching in every mode: a tag for each word, and which words were matched.

Example:
    >>> edits([(0, 0, 1), (2, 2, 1)], 4, 3)
    (1, 0, 1)
"""

from collections.abc import Iterable, Sequence
from operator import eq
from typing import NamedTuple

Blocks = Sequence[tuple[int, int, int]]
"""Runs of matched words, from left to right: source position, generated position, size."""


class Alignment(NamedTuple):
    """One tag per source word, and the matched words.

    `ambiguous` counts entities with several equally good matches in the sentence.
    """

    tags: Sequence[str]
    blocks: Blocks
    ambiguous: int


def same_words(source: Sequence[str], generated: Sequence[str]) -> bool:
    """Return whether both hold the same words; a list and a tuple may be equal."""
    return len(source) == len(generated) and all(map(eq, source, generated))


def runs(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Return matched (source position, generated position) pairs as blocks."""
    blocks: list[tuple[int, int, int]] = []
    first = begin = end = stop = -1
    for position, start in pairs:
        if position != end or start != stop:
            if end > first:
                blocks.append((first, begin, end - first))
            first, begin = position, start
        end, stop = position + 1, start + 1
    if end > first:
        blocks.append((first, begin, end - first))
    return blocks


def copied(blocks: Blocks, tags: Sequence[str], length: int) -> list[str]:
    """Return `length` source tags: those of the matched words, O for the others."""
    result = ["O"] * length
    for position, start, size in blocks:
        result[position : position + size] = tags[start : start + size]
    return result


def edits(blocks: Blocks, wanted: int, written: int) -> tuple[int, int, int]:
    """Count omitted, added and substituted words in the gaps between matched words (Table 9).

    In a gap with m source and n generated words, min(m, n) words were substituted. `wanted` and
    `written` are the numbers of all source and generated words.
    """
    omitted = added = substituted = 0
    at = to = 0
    for position, start, size in [*blocks, (wanted, written, 0)]:
        missing, extra = position - at, start - to
        both = min(missing, extra)
        substituted += both
        omitted += missing - both
        added += extra - both
        at, to = position + size, start + size
    return omitted, added, substituted
