"""Finds mentions in a passage, and decides between entities that overlap.

Of overlapping entities the longest is kept, of equally long ones the leftmost, of two labels for
the same words the first. What is dropped is counted.

A mention is found at every occurrence in the passage whose ends do not lie inside a word, that is
between two letters or digits.

Example:
    >>> find_mentions("A tea. Teak tea", [("drink", "tea")], repairs=Counter())
    [Mention(start=2, end=5, label='drink'), Mention(start=12, end=15, label='drink')]
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from gner_core.corpora.readers.raw import Mention


def find_mentions(
    passage: str, answers: Iterable[tuple[str, str]], *, repairs: Counter[str]
) -> list[Mention]:
    """Return every occurrence of every mention, in the order of `answers`, with overlaps.

    Args:
        answers: pairs of a type and a mention's text.
    """
    found: list[Mention] = []
    for label, answer in dict.fromkeys(answers):
        mention = answer.strip()
        starts = list(_occurrences(passage, mention)) if mention else []
        whole = [start for start in starts if not _cuts_a_word(passage, start, mention)]
        found += [Mention(start, start + len(mention), label) for start in whole]
        if not mention:
            repairs["empty mentions left out"] += 1
        elif not starts:
            repairs["mentions not found in their passage left out"] += 1
        elif not whole:
            repairs["mentions found only inside words left out"] += 1
    return found


def without_overlaps(mentions: Sequence[Mention], *, repairs: Counter[str]) -> list[Mention]:
    """Return the mentions that are kept, from left to right."""
    ordered = sorted(mentions)
    if all(a.end <= b.start and a.start < b.start for a, b in pairwise(ordered)):
        return ordered  # the usual case, and fast
    unique = list(dict.fromkeys(mentions))
    if len(unique) < len(mentions):
        repairs["repeated entities left out"] += len(mentions) - len(unique)
    kept: list[Mention] = []
    for mention in sorted(unique, key=lambda m: (m.start - m.end, m.start)):
        index = bisect_left(kept, mention.start, key=lambda m: m.start)
        before, after = kept[max(index - 1, 0) : index], kept[index : index + 1]
        if after and after[0][:2] == mention[:2]:
            repairs["second labels of the same words left out"] += 1
        elif (before and before[0].end > mention.start) or (after and after[0].start < mention.end):
            repairs["overlapping entities left out"] += 1
        else:
            insort(kept, mention, key=lambda m: m.start)
    return kept


def _occurrences(passage: str, mention: str) -> Iterator[int]:
    start = passage.find(mention)
    while start >= 0:
        yield start
        start = passage.find(mention, start + 1)


def _cuts_a_word(passage: str, start: int, mention: str) -> bool:
    return any(
        0 < edge < len(passage) and passage[edge - 1].isalnum() and passage[edge].isalnum()
        for edge in (start, start + len(mention))
    )
