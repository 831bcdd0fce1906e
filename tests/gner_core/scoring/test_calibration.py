"""Confidences against what is right: bins, the error, parts that add up."""

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from gner_core.config.reading.files import read_scoring
from gner_core.config.systems.gner import MatchParams
from gner_core.matching.modes import Matcher
from gner_core.records import Prediction, write_predictions
from gner_core.scoring.analysis.calibration import Calibration
from gner_core.scoring.evaluate import summarise
from gner_core.scoring.scored import Scored, read_scored, score, write_scored
from gner_core.systems.gner.targets import BIO

PARAMS = read_scoring(None)
WORDS = ("Ada", "saw", "New", "York")
GOLD = ("B-person", "O", "B-city", "I-city")


def guided(
    decided: tuple[str, ...], probabilities: tuple[float, ...], number: int = 0
) -> Prediction:
    types = ("city", "person")
    return Prediction(
        str(number), "toy", WORDS, GOLD, types, "", True, None, decided, probabilities
    )


def scored(prediction: Prediction) -> Scored:
    match = MatchParams(mode="gner", back_tokenization=False)
    return score(prediction, Matcher(match, BIO, back={}))


def test_an_entity_counts_with_the_product_of_its_words() -> None:
    counts = Calibration(10)
    counts.add_sentence(scored(guided(GOLD, (0.97, 0.5, 0.8, 0.9))))
    counts.add_sentence(scored(guided(("B-city", "O", "O", "O"), (0.95, 0.5, 0.5, 0.5))))
    last, seventh = counts.values()["bins"][9], counts.values()["bins"][7]
    assert (last["entities"], last["right"], last["confidence"]) == (2, 0.5, pytest.approx(0.96))
    assert (seventh["entities"], seventh["right"]) == (1, 1.0)
    assert counts.error == pytest.approx((2 * 0.46 + 0.28) / 3)


def test_the_error_of_honest_confidences_is_small_and_of_boasting_ones_large() -> None:
    draw = random.Random(1)
    honest, boasting = Calibration(10), Calibration(10)
    for _ in range(20_000):
        sure = draw.random()
        right = draw.random() < sure
        honest.add(confidence=sure, right=right)
        boasting.add(confidence=1.0, right=right)
    assert honest.error < 0.02
    assert boasting.error == pytest.approx(0.5, abs=0.02)


def test_parts_add_up() -> None:
    whole, one, other = Calibration(10), Calibration(10), Calibration(10)
    for number in range(10):
        sure, right = number / 9, number % 3 == 0
        whole.add(confidence=sure, right=right)
        (one if number < 4 else other).add(confidence=sure, right=right)
    one.extend(other)
    assert one.entities == whole.entities
    assert one.error == pytest.approx(whole.error)


def test_a_summary_has_it_where_decoding_was_guided(tmp_path: Path) -> None:
    sentences = [scored(guided(GOLD, (0.9,) * 4)), scored(guided(("O",) * 4, (0.9,) * 4, 1))]
    write_scored(tmp_path / "s.parquet", sentences)
    assert read_scored(tmp_path / "s.parquet") == sentences
    found = summarise(sentences, PARAMS)["calibration"]
    assert found["all"]["entities"] == found["corpora"]["toy"]["entities"] == 2
    free = Prediction("0", "toy", WORDS, GOLD, ("city", "person"), "Ada(O)", True, None)
    assert "calibration" not in summarise([scored(free)], PARAMS)


def test_gner_score_shows_the_table(tmp_path: Path) -> None:
    file = tmp_path / "p.parquet"
    write_predictions(file, [guided(GOLD, (0.9, 1.0, 0.9, 0.9), n) for n in range(3)])
    result = CliRunner().invoke(app, ["score", str(file), "--workers", "1"])
    assert "expected calibration error: 14.50" in result.output
    lines = {tuple(line.split()) for line in result.output.splitlines()}
    assert ("80–90", "3", "81.00", "100.00") in lines
    as_json = CliRunner().invoke(app, ["score", str(file), "--json", "--workers", "1"]).stdout
    assert json.loads(as_json)["calibration"]["entities"] == 6
