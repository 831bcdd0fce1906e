"""Longest common subsequence of two word sequences in O((n + r) log n), Hunt and Szymanski 1977.

r is the number of pairs of equal words, small where few words repeat. The problem becomes a
longest strictly increasing subsequence of positions, kept in piles: pile k holds the smallest
position that ends a common subsequence of length k + 1.

Example:
    >>> common_subsequence(["a", "b", "c"], ["a", "c"])
    [(0, 0, 1), (2, 1, 1)]
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import eq
from typing import Any

from gner_core.matching.alignment import Blocks, runs

Node = tuple[int, int, Any]
"""Source position, generated position, node below: shared tails, freed when no pile needs them."""


def common_subsequence(source: Sequence[str], generated: Sequence[str]) -> Blocks:
    """Return the matched words as runs.

    Ties fall as in the published code: an element is put on its pile even where an equal
    position lies there already, its parent is the top of the pile before at that moment, and
    the result is traced back from the top of the last pile.

    The p words with which both sequences begin need no piles: theirs would always hold the
    positions 0 to p - 1, each put there last by the latest equal word of the source.
    """
    prefix = [*map(eq, source, generated), False].index(False)
    positions_of: dict[str, list[int]] = {}
    for position, word in enumerate(generated[prefix:], prefix):
        if word in positions_of:
            positions_of[word].append(position)
        else:
            positions_of[word] = [position]
    tops: list[int] = []  # per pile: the smallest generated position
    nodes: list[Node | None] = []  # per pile: its top element
    top = -1
    node: Node | None = None
    for source_position, word in enumerate(source[prefix:], prefix):
        if word not in positions_of:
            continue
        positions = positions_of[word]
        if positions[0] > top:
            top = positions[0]
            tops.append(top)
            node = (source_position, top, node)
            nodes.append(node)
        else:
            _place(source_position, positions, tops, nodes)
            top, node = tops[-1], nodes[-1]
    return _traced(source, generated[:prefix], node)


def _place(
    source_position: int, positions: list[int], tops: list[int], nodes: list[Node | None]
) -> None:
    """Put all positions of one word on the piles.

    The algorithm places them from the last to the first. Those that fall on the same pile replace
    each other and have the same parent, so only the first of each pile is placed, with the
    parents as they were before this word.
    """
    index, size = 0, len(tops)
    pile = bisect_left(tops, positions[0])
    below = nodes[pile - 1] if pile else None
    for _ in positions:
        position = positions[index]
        if pile == size:
            tops.append(position)
            nodes.append((source_position, position, below))
            return
        top, tops[pile] = tops[pile], position
        node, nodes[pile] = nodes[pile], (source_position, position, below)
        index = index + 1 if top == position else bisect_right(positions, top, index + 1)
        if index == len(positions):
            return
        if pile + 1 == size or tops[pile + 1] >= positions[index]:
            pile, below = pile + 1, node
        else:
            pile = bisect_left(tops, positions[index], pile + 2)
            below = nodes[pile - 1]


def _traced(source: Sequence[str], prefix: Sequence[str], node: Node | None) -> Blocks:
    """Follow the parents back, then match each word of the prefix with its latest equal before."""
    pairs: list[tuple[int, int]] = []
    end = len(source)
    while node:
        end, position, node = node
        pairs.append((end, position))
    start = len(prefix)
    while start and end != start:  # from there on, positions are equal on both sides
        start -= 1
        end -= 1
        while source[end] != prefix[start]:
            end -= 1
        pairs.append((end, start))
    pairs.reverse()
    return [(0, 0, start), *runs(pairs)] if start else runs(pairs)
