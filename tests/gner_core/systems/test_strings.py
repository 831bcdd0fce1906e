import time

import pytest

from gner_core.records import Span
from gner_core.systems.strings import Placed, place, without_overlaps

WORDS = tuple('Zoé Bell and ZOÉ met "C" in New York , then New York Times hired Bell .'.split())


def spans(*answers: tuple[str, str], words: tuple[str, ...] = WORDS) -> list[tuple[int, int, str]]:
    return [tuple(span) for span in place(words, answers).spans]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("Zoé Bell", 0, 2),
        ("ZOÉ", 3, 4),  # exactly before without case
        ("zoé bell", 0, 2),
        ("  Zoé   Bell ", 0, 2),
        ("NewYork", 7, 9),
        ("new york,then", 7, 11),
        ('"C"', 5, 6),
        ("C", 5, 6),  # within a word, but between signs
    ],
)
def test_a_string_is_found_exactly_then_without_case_then_without_blanks(
    text: str, start: int, end: int
) -> None:
    assert spans(("x", text)) == [(start, end, "x")]


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("Xi\N{RIGHT SINGLE QUOTATION MARK}an", "Xi'an"),
        ("Xi'an", "xi\N{RIGHT SINGLE QUOTATION MARK}an"),
        ("cafe\N{COMBINING ACUTE ACCENT}", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}stanbul", "istanbul"),
        ("2010\N{EN DASH}2014", "2010-2014"),
        ("\N{LEFT DOUBLE QUOTATION MARK}C\N{RIGHT DOUBLE QUOTATION MARK}", '"c"'),
    ],
)
def test_signs_that_are_written_in_several_ways_are_alike(word: str, text: str) -> None:
    assert spans(("x", text), words=("in", word, "now")) == [(1, 2, "x")]


@pytest.mark.parametrize("text", ["Zo", "ell and", "York Tim", "Rome", "", "  ", "Zoe", "."[:0]])
def test_what_cuts_a_word_or_is_not_there_is_hallucinated(text: str) -> None:
    assert place(WORDS, [("x", text)]) == Placed((), (("x", text),), 0)


def test_repeated_answers_take_successive_occurrences() -> None:
    words = tuple("Bo saw Bo and bo .".split())
    assert place(words, [("p", "Bo")]) == Placed((Span(0, 1, "p"),), (), 1)
    assert place(words, [("p", "Bo"), ("p", "Bo")]) == Placed(
        (Span(0, 1, "p"), Span(2, 3, "p")), (), 0
    )
    thrice = place(words, [("p", "Bo"), ("p", "Bo"), ("p", "Bo")])
    assert thrice.hallucinated == (("p", "Bo"),)  # the third differs in case: found on its own only
    assert spans(("p", "bo"), ("p", "Bo"), ("p", "Bo"), words=words) == [
        (0, 1, "p"),
        (2, 3, "p"),
        (4, 5, "p"),
    ]


def test_an_answer_leaves_the_words_of_longer_ones_alone_if_it_can() -> None:
    assert spans(("city", "New York"), ("paper", "New York Times")) == [
        (7, 9, "city"),
        (11, 14, "paper"),
    ]
    words = tuple("The New York Times left New York".split())
    assert spans(("city", "New York"), ("paper", "New York Times"), words=words) == [
        (1, 4, "paper"),
        (5, 7, "city"),
    ]
    assert spans(("paper", "New York Times"), ("city", "New York"), words=words[:5]) == [
        (1, 3, "city"),
        (1, 4, "paper"),
    ]


def test_types_do_not_take_each_others_occurrences() -> None:
    words = ("Paris", "met", "Paris")
    both = place(words, [("person", "Paris"), ("city", "Paris")])
    assert both == Placed((Span(0, 1, "city"), Span(0, 1, "person")), (), 2)


def test_marks_and_other_scripts() -> None:
    words = ("Cafe\u0301", "北京", "İzmir", "Straße", "a\xa0b", "", "😀")
    assert spans(("x", "Cafe"), words=words) == []  # would cut off the accent
    assert spans(("x", "cafe\u0301"), words=words) == [(0, 1, "x")]
    assert spans(("x", "北"), words=words) == []
    assert spans(("x", "İzmir"), words=words) == [(2, 3, "x")]
    assert spans(("x", "izmir"), words=words) == [(2, 3, "x")]  # its small form
    assert spans(("x", "STRASSE"), words=words) == [(3, 4, "x")]
    assert spans(("x", "a b 😀"), words=words) == [(4, 7, "x")]


def test_half_a_surrogate_pair_can_be_stored() -> None:
    ((_, text),) = place(WORDS, [("x", "\ud83d")]).hallucinated
    assert text.encode() == "\ufffd".encode()


def test_overlaps_are_resolved_for_the_longer_then_the_earlier() -> None:
    given = [Span(0, 2, "b"), Span(1, 4, "a"), Span(4, 5, "d"), Span(4, 5, "c"), Span(0, 1, "e")]
    assert without_overlaps(given) == [Span(0, 1, "e"), Span(1, 4, "a"), Span(4, 5, "c")]


def test_many_answers_take_no_long_time() -> None:
    words = ("na",) * 1000
    answers = [("x", "na")] * 2000 + [("y", f"na{n}") for n in range(2000)]
    started = time.perf_counter()
    placed = place(words, answers)
    assert time.perf_counter() - started < 3
    assert len(placed.spans) == 1000 and len(placed.hallucinated) == 3000
