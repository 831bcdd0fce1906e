import random

from gner_core.matching.lcs import common_subsequence


def plain_length(a: list[str], b: list[str]) -> int:
    """The textbook dynamic programme, to compare with."""
    row = [0] * (len(b) + 1)
    for word in a:
        before = 0
        for j, other in enumerate(b):
            before, row[j + 1] = (
                row[j + 1],
                before + 1 if word == other else max(row[j], row[j + 1]),
            )
    return row[-1]


def test_length_is_the_longest_and_pairs_are_a_common_subsequence() -> None:
    draw = random.Random(1)
    for _ in range(3000):
        a = draw.choices("abcd", k=draw.randrange(12))
        b = draw.choices("abcde", k=draw.randrange(12))
        pairs = common_subsequence(a, b)
        assert len(pairs) == plain_length(a, b), (a, b)
        assert all(a[i] == b[j] for i, j in pairs)
        assert all(p[0] < q[0] and p[1] < q[1] for p, q in zip(pairs, pairs[1:], strict=False))


def test_ties_go_to_the_later_occurrence_as_published() -> None:
    source = "new york is not york".split()
    assert common_subsequence(source, ["new", "york", "isnt"]) == [(0, 0), (4, 1)]


def test_empty_sides() -> None:
    assert common_subsequence([], ["a"]) == []
    assert common_subsequence(["a"], []) == []
