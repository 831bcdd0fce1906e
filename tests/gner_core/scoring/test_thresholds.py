"""Precision and recall over the threshold of confidence, against counts by hand."""

import json
import random
from pathlib import Path

from typer.testing import CliRunner

from flows.cli.main import app
from gner_core.config.reading.files import read_scoring
from gner_core.records import write_predictions
from gner_core.scoring.analysis.thresholds import Thresholds, best_of, curve_of
from gner_core.scoring.evaluate import summarise
from gner_core.scoring.metrics.counts import Counts
from tests.gner_core.scoring.test_calibration import GOLD, guided, scored

WRONG = ("B-city", "O", "O", "O")


def at(counts: Thresholds, threshold: float) -> Counts:
    return dict(counts.curve())[threshold]


def test_entities_count_up_to_their_confidence() -> None:
    counts = Thresholds(without=())
    counts.add_sentence(scored(guided(GOLD, (0.7, 1.0, 0.95, 0.9))))  # person 0.7, city 0.855
    counts.add_sentence(scored(guided(WRONG, (0.45, 1.0, 1.0, 1.0))))
    assert at(counts, 0.0) == Counts(right=2, predicted=3, gold=4)
    assert at(counts, 0.45) == Counts(right=2, predicted=3, gold=4)  # at least that
    assert at(counts, 0.5) == Counts(right=2, predicted=2, gold=4)
    assert at(counts, 0.75) == Counts(right=1, predicted=1, gold=4)
    assert at(counts, 0.9) == Counts(right=0, predicted=0, gold=4)


def test_an_entity_that_is_there_twice_counts_once_with_its_highest_confidence() -> None:
    counts = Thresholds(without=())
    tags = ("B-person", "O", "B-person", "O")
    twice = scored(guided(tags, (0.3, 1.0, 0.8, 1.0)))
    counts.add_sentence(twice._replace(words=("Ada", "saw", "Ada", "twice"), gold=tags))
    assert at(counts, 0.8) == Counts(right=1, predicted=1, gold=1)


def test_sentences_without_confidences_are_kept_at_every_threshold() -> None:
    counts = Thresholds(without=())
    counts.add_sentence(scored(guided(GOLD, (0.1,) * 4)))
    counts.add_sentence(scored(guided(GOLD, (0.1,) * 4))._replace(probabilities=None))
    assert at(counts, 0.99) == Counts(right=2, predicted=2, gold=4)


def test_types_are_left_out() -> None:
    counts = Thresholds(without=("city",))
    counts.add_sentence(scored(guided(GOLD, (0.9,) * 4)))
    assert at(counts, 0.0) == Counts(right=1, predicted=1, gold=1)


def test_parts_add_up_and_the_first_point_is_the_score() -> None:
    draw = random.Random(1)
    sentences = [
        scored(guided(draw.choice([GOLD, WRONG]), tuple(draw.random() for _ in range(4)), number))
        for number in range(60)
    ]
    sentences = [one._replace(corpus=draw.choice(["a", "b"])) for one in sentences]
    whole, one, other = (Thresholds(without=()) for _ in range(3))
    for number, sentence in enumerate(sentences):
        whole.add_sentence(sentence)
        (one if number < 20 else other).add_sentence(sentence)
    one.extend(other)
    assert one.values() == whole.values()
    summary = summarise(sentences, read_scoring(None))
    assert json.loads(json.dumps(summary["thresholds"])) == whole.values()
    curve = curve_of(summary["thresholds"])
    assert curve == whole.curve()
    assert curve[0].counts.values() == summary["micro"]
    predicted = [point.counts.predicted for point in curve]
    assert predicted == sorted(predicted, reverse=True)
    assert best_of(curve).counts.f1 == max(point.counts.f1 for point in curve)
    assert summary["thresholds"]["corpora"].keys() == {"a", "b"}


def test_gner_score_shows_the_curve(tmp_path: Path) -> None:
    file = tmp_path / "p.parquet"
    write_predictions(file, [guided(WRONG, (0.4,) * 4, 0), guided(GOLD, (0.9, 1.0, 0.9, 0.9), 1)])
    result = CliRunner().invoke(app, ["score", str(file), "--workers", "1"])
    lines = {tuple(line.split()) for line in result.output.splitlines()}
    assert ("0.40", "3", "2", "66.67", "50.00", "57.14") in lines
    assert ("0.45", "2", "2", "100.00", "50.00", "66.67") in lines
    assert "highest F1: 66.67 at 0.45" in result.output
    as_json = CliRunner().invoke(app, ["score", str(file), "--json", "--workers", "1"]).stdout
    assert json.loads(as_json)["thresholds"]["corpora"]["toy"]["predicted"][0] == 3
