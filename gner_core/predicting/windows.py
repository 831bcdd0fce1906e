"""Cuts long texts into overlapping windows of words, and merges the entities found in them.

A window holds as many words as the backbone's limits allow. It ends at a sentence end if there is
one in its second half, and the next one begins a few words earlier, at a sentence start if there
is one. The seam between two windows is the middle of their overlap, moved so that it cuts no
entity; each window contributes the entities on its side, so none is lost or doubled.
"""

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import NamedTuple

from gner_core.records import Span

OVERLAP = 5
"""A window shares one word in so many with the next."""
SEARCHED = 2
"""The next window starts at most so many overlaps before the end of a window."""


class WordTooLongError(Exception):
    """A word that does not fit into a window alone, by its position."""

    def __init__(self, position: int) -> None:
        super().__init__(f"word {position + 1}")
        self.position = position


class Window(NamedTuple):
    """The words `start` up to, not including, `end` of a text."""

    start: int
    end: int


def windows(ends: Sequence[bool], *, fits: Callable[[int, int], bool]) -> list[Window]:
    """Cut a text; texts that fit whole are one window, empty ones none.

    Args:
        ends: whether a sentence ends after each word.
        fits: whether the words from one position up to another fit in one prompt; if they do,
            so do fewer of them.

    Raises:
        WordTooLongError: for a word that does not fit alone.
    """
    total = len(ends)
    cuts: list[Window] = []
    start = 0
    guess = total
    while start < total:
        size = _largest(start, min(guess, total - start), total - start, fits)
        if size == 0:
            raise WordTooLongError(start)
        end = start + size
        before = cuts[-1].end if cuts else 0
        if end <= before:  # the next word is so long that it fits only with fewer before it
            start += (before - start + 1) // 2
            continue
        if end < total:
            half = max(before, start + size // 2)
            end = next((at for at in range(end, half, -1) if ends[at - 1]), end)
        cuts.append(Window(start, end))
        if end == total:
            break
        start = _next_start(ends, start, end)
        guess = size
    return cuts


def _next_start(ends: Sequence[bool], start: int, end: int) -> int:
    overlap = (end - start) // OVERLAP
    wanted = end - overlap
    around = range(max(start + 1, end - SEARCHED * overlap), end)
    sentences = [at for at in around if ends[at - 1]]
    return min(sentences, key=lambda at: abs(at - wanted), default=wanted)


def _largest(start: int, guess: int, limit: int, fits: Callable[[int, int], bool]) -> int:
    """Return how many words from `start` on fit, by bisection around a guess; 0 if not even one."""
    low, high = 0, limit + 1  # low fits, high does not
    step = max(guess // 16, 1)
    size = guess
    while high - low > 1:
        if fits(start, start + size):
            low = size
            size = min(low + step, limit) if high > limit else (low + high) // 2
        else:
            high = size
            size = max(high - step, low + 1) if low == 0 else (low + high) // 2
        step *= 2
    return low


def merged(cuts: Sequence[Window], found: Sequence[Sequence[Span]]) -> list[tuple[int, Span]]:
    """Return (number of the window, entity) in the words of the text, left to right.

    Args:
        found: the entities of each window, positions counted from the window's start.
    """
    kept: list[tuple[int, Span]] = []
    for number, (window, spans) in enumerate(zip(cuts, found, strict=True)):
        moved = [Span(s.start + window.start, s.end + window.start, s.label) for s in spans]
        if number:
            seam = _seam(window.start, cuts[number - 1].end, kept, moved)
            while kept and kept[-1][1].start >= seam:
                kept.pop()
            last = kept[-1][1].end if kept else 0
            moved = [span for span in moved if span.start >= max(seam, last)]
        kept += [(number, span) for span in moved]
    return kept


def _seam(low: int, high: int, kept: Sequence[tuple[int, Span]], moved: Sequence[Span]) -> int:
    """Return the position nearest to the middle of an overlap that cuts no entity.

    If there is none, the middle: an entity that it cuts belongs to the earlier window.
    """
    middle = (low + high) // 2
    near = list(takewhile(lambda span: span.end > low, (span for _, span in reversed(kept))))
    near += takewhile(lambda span: span.start < high, moved)
    order = sorted(range(low, high + 1), key=lambda at: (abs(at - middle), at))
    return next((at for at in order if not any(s.start < at < s.end for s in near)), middle)
