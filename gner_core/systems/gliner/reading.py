"""From GLiNER's candidates to entities, by the rules of its package.

A candidate is a span with a type and a score. Those over the threshold are taken by descending
score, the first listed of equal ones first, unless an earlier one stands in their way: in flat
decoding any that shares a word, in nested decoding any that overlaps without one holding the other.
Two types of the same span exclude each other unless several labels are wanted.
"""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from gner_core.records import Span
from gner_core.systems.interface import Reading

CONFIG = "gliner_config.json"
"""In a folder of GLiNER, and in no other."""
CANDIDATES, TOO_LONG = "candidates", "too_long"
"""The keys of an output: what the model found, or why it was not asked."""
LONGEST_OUTPUT = 50_000_000
"""Characters; a model that finds everything in 400 words and 100 types writes fewer."""


class Candidate(NamedTuple):
    """A span of words, end exclusive, with a type and a score from 0 to 1."""

    start: int
    end: int
    label: str
    score: float


def decode(
    candidates: Sequence[Candidate], *, words: int, threshold: float, flat: bool, multi_label: bool
) -> list[Candidate]:
    """Return the candidates that are entities, by start, those of equal start by score.

    Args:
        words: number of words of the sentence; spans that go on behind them are none.

    Source: `SpanDecoder` of gliner 0.2.29.

    Example:
        >>> found = [Candidate(0, 2, "person", 0.8), Candidate(1, 3, "place", 0.9)]
        >>> decode(found, words=3, threshold=0.5, flat=True, multi_label=False)
        [Candidate(start=1, end=3, label='place', score=0.9)]
    """
    over = [one for one in candidates if one.score > threshold and one.end <= words]
    over.sort(key=lambda one: -one.score)
    kept: list[Candidate] = []
    taken = _Taken(words)
    for one in over:
        span = (one.start, one.end)
        stands_in_the_way = taken.shares_a_word if flat else taken.crosses
        if multi_label if span in taken.spans else not stands_in_the_way(*span):
            taken.add(*span)
            kept.append(one)
    return sorted(kept, key=lambda one: one.start)


class _Taken:
    """The spans that are taken, in a form that answers for a span in as many steps as it has words."""

    def __init__(self, words: int) -> None:
        self.spans: set[tuple[int, int]] = set()
        self._covered = bytearray(words)
        self._last_end = list(range(words + 1))
        """By start: where the longest span that starts there ends."""
        self._first_start = list(range(words + 1))
        """By end: where the longest span that ends there starts."""

    def add(self, start: int, end: int) -> None:
        self.spans.add((start, end))
        self._covered[start:end] = b"\1" * (end - start)
        self._last_end[start] = max(self._last_end[start], end)
        self._first_start[end] = min(self._first_start[end], start)

    def shares_a_word(self, start: int, end: int) -> bool:
        return any(self._covered[start:end])

    def crosses(self, start: int, end: int) -> bool:
        """Say whether a span that is taken overlaps without one holding the other."""
        inside = range(start + 1, end)
        return any(self._last_end[n] > end or self._first_start[n] < start for n in inside)


def read(
    words: Sequence[str],
    types: Sequence[str],
    outputs: Sequence[str],
    *,
    threshold: float,
    flat: bool,
    multi_label: bool,
) -> Reading:
    """Return the entities of a sentence; what cannot be read is told, and never raises."""
    unread: list[str] = []
    candidates = [one for output in outputs for one in _parsed(output, len(words), unread)]
    entities = decode(
        candidates,
        words=len(words),
        threshold=threshold,
        flat=flat,
        multi_label=multi_label,
    )
    asked = set(types)
    spans = {Span(*one[:3]) for one in entities if one.label in asked}
    unknown = ((one.label, " ".join(words[one.start : one.end])) for one in entities)
    return Reading(
        spans=tuple(sorted(spans)),
        hallucinated=(),
        unknown=tuple(pair for pair in unknown if pair[0] not in asked),
        ambiguous=0,
        unread=tuple(unread),
    )


def scores(outputs: Sequence[str], *, words: int) -> dict[Span, float]:
    """Return the scores of all candidates, by the system's names of types.

    Args:
        words: number of words of the sentence.
    """
    candidates = (one for output in outputs for one in _parsed(output, words, []))
    return {Span(*one[:3]): one.score for one in candidates}


def _parsed(output: str, words: int, unread: list[str]) -> Iterator[Candidate]:
    """Yield the candidates of an output; append what else it holds to `unread`."""
    if len(output) > LONGEST_OUTPUT:
        unread.append(f"an output of {len(output):,} characters")
        return
    try:
        value = json.loads(output)
    except (ValueError, RecursionError):
        unread.append("an output that is no JSON")
        return
    if isinstance(value, dict) and isinstance(value.get(TOO_LONG), str):
        unread.append(f"not asked: {value[TOO_LONG]}")
    elif isinstance(value, dict) and isinstance(value.get(CANDIDATES), list):
        rows = value[CANDIDATES]
        good = [row for row in rows if _is_candidate(row, words)]
        if len(good) < len(rows):
            unread.append(f"{len(rows) - len(good)} of {len(rows)} candidates")
        yield from (Candidate(*row) for row in good)
    else:
        unread.append("an output without candidates")


def _is_candidate(row: Any, words: int) -> bool:
    if not isinstance(row, list) or len(row) != 4:
        return False
    start, end, label, score = row
    return (
        type(start) is int
        and type(end) is int
        and 0 <= start < end <= words
        and isinstance(label, str)
        and type(score) in (int, float)
        and math.isfinite(score)
    )
