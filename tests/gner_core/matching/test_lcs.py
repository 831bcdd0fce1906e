import random
from collections.abc import Iterator

import pytest

from gner_core.matching.lcs import common_subsequence

Pairs = list[tuple[int, int]]


def pairs_of(a: list[str], b: list[str]) -> Pairs:
    blocks = common_subsequence(a, b)
    return [(place + k, start + k) for place, start, size in blocks for k in range(size)]


def stated_rule(a: list[str], b: list[str]) -> Pairs:
    """The rule of Appendix D and the published code, written down as plainly as possible.

    Every pair of equal words is put on the first pile whose top is not smaller, words of the source
    in order and equal positions from the last to the first. It remembers the top of the pile before.
    """
    piles: list[list[tuple[int, int, int]]] = [[(-1, -1, -1)]]
    for i, word in enumerate(a):
        for j in (j for j in range(len(b) - 1, -1, -1) if b[j] == word):
            k = next((k for k in range(1, len(piles)) if piles[k][-1][0] >= j), len(piles))
            if k == len(piles):
                piles.append([])
            piles[k].append((j, i, len(piles[k - 1]) - 1))
    pairs: Pairs = []
    at = len(piles[-1]) - 1
    for pile in reversed(piles[1:]):
        j, i, at = pile[at]
        pairs.append((i, j))
    return pairs[::-1]


def plain_length(a: list[str], b: list[str]) -> int:
    """The textbook dynamic programme."""
    row = [0] * (len(b) + 1)
    for word in a:
        before = 0
        for j, other in enumerate(b):
            found = before + 1 if word == other else max(row[j], row[j + 1])
            before, row[j + 1] = row[j + 1], found
    return row[-1]


def samples(count: int, seed: int) -> Iterator[tuple[list[str], list[str]]]:
    """Pairs with many repeats, half of them copies with faults."""
    draw = random.Random(seed)
    for _ in range(count):
        letters = "abcdefgh"[: draw.randint(1, 8)]
        a = draw.choices(letters, k=draw.randrange(14))
        b = list(a) if draw.random() < 0.5 else draw.choices(letters, k=draw.randrange(14))
        for _ in range(draw.randrange(4)):
            at = draw.randrange(len(b) + 1)
            b[at : at + draw.randrange(2)] = draw.choices(letters + "z", k=draw.randrange(2))
        yield a, b


@pytest.mark.parametrize("count", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_alignment_is_that_of_the_stated_rule_and_length_that_of_the_textbook(count: int) -> None:
    for a, b in samples(count, seed=count):
        pairs = pairs_of(a, b)
        assert pairs == stated_rule(a, b), (a, b)
        assert len(pairs) == plain_length(a, b), (a, b)


def test_ties_go_to_the_later_occurrence_as_published() -> None:
    assert pairs_of("new york is not york".split(), ["new", "york", "isnt"]) == [(0, 0), (4, 1)]


def test_empty_sides() -> None:
    assert pairs_of([], ["a"]) == []
    assert pairs_of(["a"], []) == []
