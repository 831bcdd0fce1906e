"""Hand-computed cases of every metric; libraries of the field as a second opinion."""

import random
from pathlib import Path
from typing import Any

import pytest
from nervaluate.evaluator import Evaluator
from seqeval.metrics import classification_report

from gner_core.config.reading.files import read_scoring
from gner_core.config.systems.gner import MatchParams
from gner_core.errors import InputError
from gner_core.matching.modes import Matched, Matcher
from gner_core.records import Prediction, Span, published_spans, spans_of, tags_of
from gner_core.scoring.evaluate import summarise
from gner_core.scoring.metrics.counts import Counts
from gner_core.scoring.metrics.pairs import entity_pairs, normalised, pair_counts
from gner_core.scoring.metrics.partial import PartialScores
from gner_core.scoring.metrics.spans import span_counts
from gner_core.scoring.metrics.tally import Tally, tally
from gner_core.scoring.scored import Scored, read_scored, score, write_scored
from gner_core.systems.gner.targets import BIO

PARAMS = read_scoring(None)
MATCH = Matcher(MatchParams(mode="gner", back_tokenization=False), BIO, back={})


def scored(
    words: str, gold: str, found: str, probabilities: tuple[float, ...] | None = None
) -> Scored:
    """A sentence from words and tags that are separated by blanks."""
    matched = Matched(tuple(found.split()), None, 0, 0, 0, 0, 0, unread=False)
    known = ("1", "toy", tuple(words.split()), tuple(gold.split()))
    return Scored(*known, "", False, None, probabilities, *matched)


def test_ratios_follow_from_counts() -> None:
    counts = Counts(1, 2, 4) + Counts(2, 2, 2)
    assert counts == Counts(3, 4, 6)
    assert (counts.precision, counts.recall, counts.f1) == (0.75, 0.5, 0.6)
    assert Counts(0, 0, 0).f1 == Counts(0, 0, 3).precision == 0.0


def test_normalised_text() -> None:
    assert normalised("The Who") == "who"
    assert normalised("an  U.S. President's") == "us presidents"
    assert normalised("theatre") == "theatre"


def test_spans_as_published_take_the_type_of_their_last_word() -> None:
    assert published_spans(("I-a", "I-b", "O", "B-a", "B-a")) == [
        Span(0, 2, "b"),
        Span(3, 4, "a"),
        Span(4, 5, "a"),
    ]


def test_pairs_are_unique_within_a_sentence() -> None:
    words = ("Rome", "and", "rome", "and", "Paris")
    gold = ("B-city", "O", "B-city", "O", "B-city")
    assert entity_pairs(words, gold) == {("rome", "city"), ("paris", "city")}
    one = scored("Rome and rome and Paris", "B-city O B-city O B-city", "B-city O O O B-person")
    assert pair_counts(one) == {"city": (1, 1, 2), "person": (0, 1, 0)}


def test_strict_spans_count_every_mention_and_no_article_hides_an_error() -> None:
    one = scored("Rome and rome and Paris", "B-city O B-city O B-city", "B-city O O O B-person")
    assert span_counts(one) == {"city": (1, 1, 3), "person": (0, 1, 0)}
    article = scored("The Who", "B-band I-band", "O B-band")
    assert pair_counts(article) == {"band": (1, 1, 1)}
    assert span_counts(article) == {"band": (0, 1, 1)}


def random_tags(draw: random.Random, length: int) -> tuple[str, ...]:
    spans, at = [], 0
    while at < length:
        size = draw.randint(1, 3)
        if draw.random() < 0.4 and at + size <= length:
            spans.append(Span(at, at + size, draw.choice("xyz")))
        at += size
    return tags_of(spans, length)


@pytest.fixture(scope="module")
def random_sentences() -> list[Scored]:
    draw = random.Random(3)
    rows = []
    for _ in range(400):
        length = draw.randint(1, 12)
        words = " ".join(f"w{n}" for n in range(length))
        gold, found = random_tags(draw, length), random_tags(draw, length)
        rows.append(scored(words, " ".join(gold), " ".join(found)))
    return rows


def test_spans_equal_seqeval_on_random_tags(random_sentences: list[Scored]) -> None:
    report = classification_report(
        [list(s.gold) for s in random_sentences],
        [list(s.predicted) for s in random_sentences],
        output_dict=True,
        zero_division=0,
    )
    scores = tally(random_sentences, "span", without=()).scores(without=())["corpora"]["toy"]
    for name, row in (("micro avg", scores), *((t, scores["types"][t]) for t in "xyz")):
        assert row["precision"] == pytest.approx(report[name]["precision"])
        assert row["recall"] == pytest.approx(report[name]["recall"])
        assert row["f1"] == pytest.approx(report[name]["f1-score"])
        assert row["gold"] == report[name]["support"]
    assert scores["macro_types"]["f1"] == pytest.approx(report["macro avg"]["f1-score"])


def test_partial_equals_nervaluate_and_parts_add_up(random_sentences: list[Scored]) -> None:
    gold = [list(s.gold) for s in random_sentences]
    found = [list(s.predicted) for s in random_sentences]
    overall = Evaluator(gold, found, tags=["x", "y", "z"], loader="list").evaluate()["overall"]
    scores = PartialScores(without=())
    for part in (random_sentences[:150], random_sentences[150:]):
        other = PartialScores(without=())
        other.add(part)
        scores.extend(other)
    for scheme, row in scores.values()["toy"].items():
        for name in ("correct", "incorrect", "partial", "missed", "spurious", "f1"):
            assert row[name] == pytest.approx(getattr(overall[scheme], name)), (scheme, name)


def test_partial_by_hand() -> None:
    scores = PartialScores(without=())
    scores.add([scored("a b c d e", "B-x I-x O B-y O", "B-x O O B-x B-y")])
    row = scores.values()["toy"]
    counts = {name: [row[s][name] for s in row] for name in ("correct", "partial", "spurious")}
    # strict, exact, partial, ent_type: x is cut short, y has the wrong type, the last is made up
    assert counts == {"correct": [0, 1, 1, 1], "partial": [0, 0, 1, 0], "spurious": [1, 1, 1, 1]}
    assert row["partial"]["precision"] == pytest.approx(1.5 / 3)


def prediction(number: int, corpus: str, text: str, *, finished: bool = True) -> Prediction:
    words, tags = ("Ada", "saw", "Rome"), ("B-person", "O", "B-city")
    types = ("city", "person")
    return Prediction(str(number), corpus, words, tags, types, text, finished, None)


def test_a_summary_by_hand(tmp_path: Path) -> None:
    rows = [
        score(p, MATCH)
        for p in (
            prediction(0, "a", "Ada(B-person) saw(O) Rome(B-city)"),
            prediction(1, "a", "Ada(B-city) saw(O)", finished=False),
            prediction(2, "b", "Ada(B-person) sees(O) Rome(B-town)"),
            prediction(3, "b", " "),
        )
    ]
    summary = summarise(rows, PARAMS)
    a, b = summary["corpora"]["a"], summary["corpora"]["b"]
    assert (a["right"], a["predicted"], a["gold"], a["sentences"]) == (2, 3, 4, 2)
    assert (b["precision"], b["recall"]) == (1.0, 0.25)
    assert summary["macro"]["f1"] == pytest.approx((4 / 7 + 2 / 5) / 2)
    assert summary["micro"]["right"] == 3
    low, high = a["interval"]
    assert 0 <= low <= a["f1"] <= high <= 1
    texts = summary["texts"]
    assert (texts["all"], texts["exact copy"], texts["omitted words"]) == (4, 1, 2)
    assert (texts["substituted words"], texts["unknown types"]) == (1, 1)
    assert (texts["cut off"], texts["empty"]) == (1, 1)
    assert summary["words"] == {"omitted": 4, "added": 0, "substituted": 1}
    write_scored(tmp_path / "scored.parquet", rows)
    assert read_scored(tmp_path / "scored.parquet") == rows


def test_vague_types_are_left_out_in_a_second_score() -> None:
    rows = [scored("a b", "B-misc B-x", "B-misc O"), scored("a", "B-x", "B-x")]
    summary = summarise(rows, PARAMS)
    assert summary["micro"]["right"] == 2
    without = summary["without"]
    assert without["types"] == ["misc"]
    assert (without["micro"]["right"], without["micro"]["gold"]) == (1, 2)


@pytest.mark.parametrize("listed", ["other", "Other", "OTHER"])
def test_types_are_left_out_of_every_metric_whatever_their_capitals(listed: str) -> None:
    rows = [scored("a b", "B-Other B-x", "B-Other O")]
    summary = summarise(rows, PARAMS.model_copy(update={"left_out": (listed,)}))
    for one in (summary, summary["span"]):
        assert [name.lower() for name in one["without"]["types"]] == ["other"]
        assert (one["without"]["micro"]["right"], one["without"]["micro"]["gold"]) == (0, 1)


def test_intervals_types_left_out_and_calibration_follow_their_params() -> None:
    found = ("B-misc O", "B-x B-x", "O O") * 5
    rows = [scored("a b", "B-misc B-x", tags, (0.61, 0.67)) for tags in found]

    def summary(**changed: Any) -> dict[str, Any]:
        return summarise(rows, PARAMS.model_copy(update=changed))

    low, high = summary()["macro"]["interval"]
    narrow = summary(level=0.5)["macro"]["interval"]
    assert low < narrow[0] < narrow[1] < high
    drawn = [summary(), summary(seed=2), summary(resamples=150)]
    assert len({tuple(one["corpora"]["toy"]["interval"]) for one in drawn}) == 3
    for metric in (summary(left_out=("x",)), summary(left_out=("x",))["span"]):
        assert metric["without"]["types"] == ["x"]
    assert "without" not in summary(left_out=())
    bins = {n: summary(confidence_bins=n)["calibration"]["all"]["bins"] for n in (2, 20)}
    assert [sum(one["entities"] > 0 for one in bins[n]) for n in bins] == [1, 2]


def test_types_that_are_left_out_count_nowhere() -> None:
    kept = Tally(without=("misc",))
    kept.add("toy", {"misc": (1, 1, 1), "x": (0, 1, 2)})
    assert kept.sentences == {"toy": [(0, 1, 2)]}
    assert list(kept.types("toy")) == ["x"]


def test_entities_as_text_have_no_place() -> None:
    match = Matcher(MatchParams(mode="text", back_tokenization=False), BIO, back={})
    one = score(prediction(0, "a", "Ada(B-person) Lovelace(I-person) saw(O) Rome(B-city)"), match)
    assert pair_counts(one) == {"person": (0, 1, 1), "city": (1, 1, 1)}
    assert "span" not in summarise([one], PARAMS)
    with pytest.raises(InputError, match="no place in the sentence"):
        span_counts(one)


def test_by_position_the_nth_tag_goes_to_the_nth_word() -> None:
    match = Matcher(MatchParams(mode="position", back_tokenization=False), BIO, back={})
    one = score(prediction(0, "a", "saw(O) Rome(B-city)"), match)
    assert one.predicted == ("O", "B-city", "O")
    assert spans_of(one.predicted) == [Span(1, 2, "city")]
