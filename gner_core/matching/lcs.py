"""Longest common subsequence of two word sequences in O((n + r) log n), Hunt and Szymanski 1977.

r is the number of pairs of equal words, small where few words repeat. The problem becomes a
longest strictly increasing subsequence of positions, kept in piles: pile k holds the smallest
position that ends a common subsequence of length k + 1.

Example:
    >>> common_subsequence(["a", "b", "c"], ["a", "c"])
    [(0, 0), (2, 1)]
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence


def common_subsequence(source: Sequence[str], generated: Sequence[str]) -> list[tuple[int, int]]:
    """Return the matched (source position, generated position) pairs, increasing in both.

    Ties fall as in the published code: an element is put on its pile even where an equal
    position lies there already, its parent is the top of the pile before at that moment, and
    the result is traced back from the top of the last pile.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for position in range(len(generated) - 1, -1, -1):
        places[generated[position]].append(position)
    tops: list[int] = []  # per pile: the smallest generated position
    elements: list[int] = []  # per pile: index of its top in `placed`
    placed: list[tuple[int, int, int]] = []  # source position, generated position, parent
    for source_position, word in enumerate(source):
        for position in places.get(word, ()):
            pile = bisect_left(tops, position)
            parent = elements[pile - 1] if pile else -1
            placed.append((source_position, position, parent))
            if pile == len(tops):
                tops.append(position)
                elements.append(len(placed) - 1)
            else:
                tops[pile] = position
                elements[pile] = len(placed) - 1
    pairs: list[tuple[int, int]] = []
    at = elements[-1] if elements else -1
    while at >= 0:
        source_position, position, at = placed[at]
        pairs.append((source_position, position))
    return pairs[::-1]
