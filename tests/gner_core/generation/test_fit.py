"""Fitting decoding to tagged sentences: what it reads of a model, what it chooses, where it goes on."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from gner_core.artifact_files import FIT
from gner_core.config.reading.files import read_scoring
from gner_core.config.scoring import BootstrapParams
from gner_core.config.systems.any import DecodeParams
from gner_core.errors import InputError
from gner_core.generation.fit import FitRequest, chosen_penalty, work
from gner_core.generation.guided.decoding import GuidedQuery
from gner_core.records import Sentence
from gner_core.scoring.analysis.temperature import LabelLoss
from gner_core.scoring.metrics.tally import Tally
from gner_core.systems.gner.prompts import other_orders
from tests.gner_core.conftest import TinyModel
from tests.gner_core.generation.test_generation import asked, silent
from tests.gner_core.generation.test_guided import TYPES
from tests.gner_core.generation.test_rating import PlainOrders, rated

TEST = BootstrapParams(level=0.95, resamples=500, seed=1)


def test_the_log_loss_is_that_of_the_given_labels(tiny_model: TinyModel) -> None:
    others = other_orders(TYPES, count=1, seed=1)
    queries = [
        GuidedQuery(("Łódź", "(B-12)", "Ada"), TYPES, others),
        GuidedQuery(("two", "Ada"), TYPES, others),
        GuidedQuery(("one",), ("person",)),
    ]
    tags = [
        ("B-person, fictional", "I-person, fictional", "B-person"),
        ("O", "B-place (city)"),
        ("B-person",),
    ]
    words = rated(tiny_model).decided_words(queries, tags)
    for ask, labels, found in zip(queries, tags, words, strict=True):
        plain = PlainOrders(tiny_model, ask)
        for n, tag in enumerate(labels):
            log = plain.logs(labels[:n])[tag]
            assert LabelLoss([found[n]])(1.0) == pytest.approx(-log, abs=1e-4)


def request_for(tiny: TinyModel, sentences: list[Sentence], place: Path, **fit: Any) -> FitRequest:
    given = asked(tiny, sentences, place, batch=4, mode="guided")
    decode = DecodeParams.model_validate({**given.decode.model_dump(), "fit": fit})
    return FitRequest(**{**dict(given), "decode": decode, "scoring": read_scoring(None)})


def test_a_fit_says_what_speaks_for_its_values_and_goes_on_where_it_was_killed(
    tiny_llama: TinyModel, news: list[Sentence], tmp_path: Path
) -> None:
    fit = {"temperature": True, "outside_penalty": [1.0, -0.5]}
    reported: list[int] = []

    def die(done: int, total: int) -> None:
        assert total == 24  # three penalties, and once more at the temperature
        reported.append(done)
        if done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(request_for(tiny_llama, news[:6], tmp_path, **fit), die)
    assert reported == sorted(reported)
    found = work(request_for(tiny_llama, news[:6], tmp_path, **fit), silent)["fit"]
    whole = work(request_for(tiny_llama, news[:6], tmp_path / "again", **fit), silent)["fit"]
    assert found == whole == json.loads((tmp_path / "out" / FIT).read_text())
    assert found["sentences"] == 6
    assert [row["penalty"] for row in found["outside_penalty"]["curve"]] == [-0.5, 0.0, 1.0]
    before, after = found["temperature"]["log_loss"]
    assert after < before
    assert found["values"]["temperature"] != 1
    decode = request_for(tiny_llama, news[:1], tmp_path, **fit).decode.fitted(found["values"])
    assert (decode.temperature, decode.fit) == (found["values"]["temperature"], None)


def tally_of(*rows: tuple[int, int, int]) -> Tally:
    found = Tally(without=())
    for row in rows:
        found.add("news", {"person": row})
    return found


def test_a_penalty_is_chosen_where_it_is_better_beyond_the_interval() -> None:
    plain = tally_of(*[(0, 0, 1)] * 10, *[(1, 1, 1)] * 10)
    better = tally_of(*[(1, 1, 1)] * 20)
    luck = tally_of((1, 1, 1), *[(0, 0, 1)] * 9, *[(1, 1, 1)] * 10)
    found = chosen_penalty({0.0: plain, 0.5: luck, 1.0: better, 2.0: better}, TEST)
    assert found["value"] == found["best"] == 1.0  # the first of equals
    assert found["difference"]["value"] == pytest.approx(1 / 3)
    assert found["difference"]["low"] > 0
    found = chosen_penalty({0.0: plain, 0.5: luck}, TEST)
    assert (found["value"], found["best"]) == (0.0, 0.5)
    assert math.isclose(found["difference"]["low"], 0)


@pytest.mark.parametrize(
    ("fit", "changes", "said"),
    [
        ({"temperature": False, "outside_penalty": []}, {}, "fits nothing"),
        ({"temperature": True, "outside_penalty": []}, {"temperature": 2}, "given and fitted"),
        ({"temperature": True, "outside_penalty": []}, {"mode": "free"}, "fit: only for mode"),
    ],
)
def test_contradictions_are_refused(
    fit: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    plain = {"mode": "guided", "beams": 1, "too_long": "skip", "seed": 1}
    with pytest.raises(ValueError, match=said):
        DecodeParams.model_validate({**plain, "fit": fit, **changes})


def test_sentences_that_cannot_be_fitted_to_are_refused(
    tiny_llama: TinyModel, tmp_path: Path
) -> None:
    fit = {"temperature": True, "outside_penalty": []}
    other = Sentence("news/1", "news", ("Ada",), ("B-person",), ("city",))
    with pytest.raises(InputError, match="news/1: has entities of types that are not asked: pers"):
        work(request_for(tiny_llama, [other], tmp_path, **fit), silent)
    long = Sentence("news/1", "news", ("Ada",) * 900, ("O",) * 900, ("city",))
    with pytest.raises(InputError, match="no sentence to fit decoding to"):
        work(request_for(tiny_llama, [long], tmp_path, **fit), silent)
