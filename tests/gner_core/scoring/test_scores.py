from pathlib import Path

import pytest

from gner_core.records import Prediction, Span
from gner_core.scoring.counts import Counts, total
from gner_core.scoring.evaluate import read_scored, score, summarise, write_scored
from gner_core.scoring.pairs import entity_pairs, normalised, pair_counts, paper_spans


def test_ratios_follow_from_counts() -> None:
    counts = total([Counts(1, 2, 4), Counts(2, 2, 2)])
    assert counts == Counts(3, 4, 6)
    assert (counts.precision, counts.recall, counts.f1) == (0.75, 0.5, 0.6)
    assert Counts(0, 0, 0).f1 == Counts(0, 0, 3).precision == 0.0


def test_normalised_text() -> None:
    assert normalised("The Who") == "who"
    assert normalised("an  U.S. President's") == "us presidents"
    assert normalised("theatre") == "theatre"


def test_spans_as_published_take_the_type_of_their_last_word() -> None:
    assert paper_spans(("I-a", "I-b", "O", "B-a", "B-a")) == [
        Span(0, 2, "b"),
        Span(3, 4, "a"),
        Span(4, 5, "a"),
    ]


def test_pairs_are_unique_within_a_sentence() -> None:
    words = ("Rome", "and", "rome", "and", "Paris")
    gold = ("B-city", "O", "B-city", "O", "B-city")
    assert entity_pairs(words, gold) == {("rome", "city"), ("paris", "city")}
    predicted = ("B-city", "O", "O", "O", "B-person")
    assert pair_counts(words, gold, predicted) == Counts(right=1, predicted=2, gold=2)


def prediction(number: int, corpus: str, text: str, *, finished: bool = True) -> Prediction:
    words, tags = ("Ada", "saw", "Rome"), ("B-person", "O", "B-city")
    types = ("city", "person")
    return Prediction(str(number), corpus, words, tags, types, text, finished, None)


def test_a_summary_by_hand(tmp_path: Path) -> None:
    scored = [
        score(p, back={})
        for p in (
            prediction(0, "a", "Ada(B-person) saw(O) Rome(B-city)"),
            prediction(1, "a", "Ada(B-city) saw(O)", finished=False),
            prediction(2, "b", "Ada(B-person) sees(O) Rome(B-town)"),
        )
    ]
    summary = summarise(scored)
    a, b = summary["corpora"]["a"], summary["corpora"]["b"]
    assert (a["right"], a["predicted"], a["gold"], a["sentences"]) == (2, 3, 4, 2)
    assert (b["precision"], b["recall"]) == (1.0, 0.5)
    assert summary["macro"]["f1"] == pytest.approx((4 / 7 + 2 / 3) / 2)
    assert summary["texts"] == {
        "all": 3,
        "exact copy": 1,
        "omitted words": 1,
        "added words": 0,
        "substituted words": 1,
        "unknown types": 1,
        "cut off": 1,
    }
    write_scored(tmp_path / "scored.parquet", scored)
    assert read_scored(tmp_path / "scored.parquet") == scored
