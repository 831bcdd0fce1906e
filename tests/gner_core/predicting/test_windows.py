"""Windows cover a text, end where sentences end, and lose or double nothing where they meet."""

import random

import pytest

from gner_core.predicting.windows import Window, WordTooLongError, merged, windows
from gner_core.records import Span


def cut(ends: list[bool], limit: int) -> list[Window]:
    return windows(ends, fits=lambda start, end: end - start <= limit)


def test_a_text_that_fits_is_one_window() -> None:
    assert cut([False] * 30, 30) == [(0, 30)]
    assert cut([], 30) == []


def test_windows_end_and_begin_at_sentence_ends() -> None:
    ends = [position % 10 == 9 for position in range(200)]
    cuts = cut(ends, 45)
    assert cuts[:3] == [(0, 40), (30, 70), (60, 100)]
    assert cuts[-1].end == 200


@pytest.mark.parametrize("seed", range(20))
def test_windows_of_any_text_cover_it_in_order(seed: int) -> None:
    """Words take 1 to 30 tokens of 40; also a window that one long word forbids to go on."""
    draw = random.Random(seed)
    cost = [draw.choice([1, 1, 1, 2, 3, 30]) for _ in range(400)]
    ends = [draw.random() < 0.1 for _ in cost]
    cuts = windows(ends, fits=lambda start, end: sum(cost[start:end]) <= 40)
    assert cuts[0].start == 0
    assert cuts[-1].end == len(cost)
    for window, following in zip(cuts, cuts[1:], strict=False):
        assert window.start < following.start <= window.end < following.end
        assert sum(cost[window.start : window.end]) <= 40


def test_the_largest_window_is_found_with_few_questions() -> None:
    asked = []

    def fits(start: int, end: int) -> bool:
        asked.append(end - start)
        return end - start <= 150

    cuts = windows([False] * 20_000, fits=fits)
    assert all(end - start == 150 for start, end in cuts[:-1])
    assert len(asked) < 8 * len(cuts)


def test_a_word_that_does_not_fit_is_named() -> None:
    with pytest.raises(WordTooLongError, match=r"^word 8$"):
        windows([False] * 10, fits=lambda start, end: not start <= 7 < end)


def test_an_entity_that_a_seam_would_cut_is_whole_and_there_once() -> None:
    cuts = [Window(0, 10), Window(6, 16)]  # they meet at 8, inside the entity
    found = [[Span(1, 3, "a"), Span(7, 10, "b")], [Span(1, 5, "b"), Span(8, 9, "a")]]
    assert merged(cuts, found) == [(0, (1, 3, "a")), (1, (7, 11, "b")), (1, (14, 15, "a"))]


def test_entities_that_leave_no_seam_do_not_overlap() -> None:
    cuts = [Window(0, 10), Window(6, 16)]
    found = [
        [Span(5, 8, "a"), Span(8, 10, "a")],
        [Span(0, 1, "b"), Span(1, 3, "b"), Span(3, 9, "b")],
    ]
    kept = [span for _, span in merged(cuts, found)]
    assert kept
    assert all(a.end <= b.start for a, b in zip(kept, kept[1:], strict=False))


@pytest.mark.parametrize("seed", range(20))
def test_windows_that_agree_give_every_entity_once(seed: int) -> None:
    """Entities shorter than an overlap; each window sees those that it touches, cut at its ends."""
    draw = random.Random(seed)
    gold: list[Span] = []
    at = 0
    while at < 990:
        start = at + draw.randint(0, 6)
        gold.append(Span(start, start + draw.randint(1, 4), draw.choice("ab")))
        at = gold[-1].end
    ends = [draw.random() < 0.08 for _ in range(1000)]
    cuts = cut(ends, 60)
    found = [
        [
            Span(max(s.start, low) - low, min(s.end, high) - low, s.label)
            for s in gold
            if s.start < high and s.end > low
        ]
        for low, high in cuts
    ]
    assert [span for _, span in merged(cuts, found)] == gold
