"""Texts with types and thresholds of their own share batches; a threshold changes only what is kept."""

import math
from pathlib import Path
from typing import Any

import pytest

import gner_core
from gner_core.errors import InputError
from gner_core.predicting.batches import batches
from gner_core.predicting.predictor import Predictor
from gner_core.predicting.requests import TextRequest, listed_thresholds
from tests.gner_core.conftest import TinyModel
from tests.gner_core.predicting.test_systems import answering
from tests.gner_core.systems.params import uniner

TEXTS = ["Ada waves to Rome.", "Bo waits", "", "New York is far from Rome . " * 30]
TYPES = [["person", "city"], ["place (x)"], ["person"], ["city", "person"]]


def test_texts_with_their_own_types_get_what_they_get_alone(checkpoint: Path) -> None:
    model = gner_core.load(checkpoint)
    together = model.predict_each([TextRequest(*pair) for pair in zip(TEXTS, TYPES, strict=True)])
    for text, types, answer in zip(TEXTS, TYPES, together, strict=True):
        alone = model.predict(text, types)
        assert [(e.start, e.end, e.label) for e in answer.entities] == [
            (e.start, e.end, e.label) for e in alone
        ]
        assert all(
            math.isclose(e.confidence, a.confidence, rel_tol=1e-3)  # type: ignore[arg-type]
            for e, a in zip(answer.entities, alone, strict=True)
        )
        assert answer.entities.types == tuple(types)
    assert sum(len(answer.entities) for answer in together) > 10


def test_they_share_batches(rule: Predictor) -> None:
    done: list[int] = []

    def tell(number: int, total: int, *, share: float) -> None:
        done.append(number)

    answers = rule.predict_each(
        [TextRequest("Ada waits", [f"type {n}"]) for n in range(8)], report=tell
    )
    assert done == [0, 4, 8]
    assert [e.label for one in answers for e in one.entities] == [f"type {n}" for n in range(8)]


def test_windows_of_several_texts_can_be_found_in_any_batches(rule: Predictor) -> None:
    requests = [TextRequest("Ada waits for Bo . " * 60, ["x"]), TextRequest("Rome", ["y"], 0.95)]
    prepared = [rule.prepare(one) for one in requests]
    asked = [window for one in prepared for window in one.asked]
    sizes = [size for one in prepared for size in one.sizes]
    found = {n: rule.find([asked[n]])[0] for chosen in batches(sizes, 2) for n in reversed(chosen)}
    first = len(prepared[0].windows)
    assert first > 2
    in_parts = [
        prepared[0].answer([found[n] for n in range(first)]),
        prepared[1].answer([found[first]]),
    ]
    assert in_parts == rule.predict_each(requests)


def test_a_fault_names_its_text(rule: Predictor) -> None:
    with pytest.raises(InputError, match=r"^text 2: type 1 is blank"):
        rule.predict_each([TextRequest("a", ["x"]), TextRequest("b", [" "])])
    with pytest.raises(InputError, match=r"^text 1 is bytes"):
        rule.predict_each([TextRequest(b"a", ["x"])])  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^the text: threshold is 2; give a number from 0 to 1"):
        rule.prepare(TextRequest("b", ["x"], threshold=2))


@pytest.mark.parametrize(
    ("threshold", "kept"),
    [
        (None, ["Ada", "New York"]),
        (0, ["Ada", "New York"]),
        (0.9, ["Ada"]),  # the confidence itself is enough
        (0.46, ["Ada"]),
        (1.0, []),
        ({"x": 0.45}, ["Ada", "New York"]),
        ({"x": 0.5}, ["Ada"]),
        ({"y": 1.0}, ["Ada", "New York"]),
        ({}, ["Ada", "New York"]),
    ],
)
def test_a_threshold_keeps_what_is_as_confident(
    rule: Predictor, threshold: Any, kept: list[str]
) -> None:
    found = rule.predict("Ada waits in New York .", ["x", "y"], threshold=threshold)
    assert [e.text for e in found] == kept


def test_a_threshold_does_not_change_what_is_decoded(checkpoint: Path) -> None:
    model = gner_core.load(checkpoint)
    types, text = ["person", "city"], TEXTS[3] * 6  # several windows, with seams
    every = model.predict(text, types)
    middle = sorted(e.confidence or 0 for e in every)[len(every) // 2]
    kept = model.predict(text, types, threshold=middle)
    assert kept == [e for e in every if (e.confidence or 0) >= middle]
    assert 0 < len(kept) < len(every)


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        (1.5, r"threshold is 1\.5; give a number from 0 to 1"),
        (-0.1, r"threshold is -0\.1; give"),
        (math.nan, "threshold is nan; give"),
        (math.inf, "threshold is inf; give"),
        (True, "threshold is True; give"),
        ("0.5", r"threshold is '0\.5'; give"),
        ([0.5], "threshold is of type list; give"),
        ({"x": 7}, "threshold of x is 7; give"),
        ({"x": None}, "threshold of x is None; give"),
        ({"person": 0.5}, "threshold names 'person', which is not looked for$"),
        ({"locations": 0.5}, "which is not looked for; did you mean location"),
        ({3: 0.5}, "threshold names 3, which is not looked for"),
    ],
)
def test_thresholds_that_make_no_sense_are_named(
    rule: Predictor, threshold: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        rule.predict("Ada", ["x", "location"], threshold=threshold)


def test_answers_in_strings_have_no_confidence_for_a_threshold(tiny_llama: TinyModel) -> None:
    model = answering(tiny_llama, uniner(), lambda _: "[]")
    with pytest.raises(InputError, match="the system uniner answers with strings, so its entities"):
        model.predict("Ada", ["x"], threshold=0.5)
    assert model.predict("Ada", ["x"]) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["0,5"], "threshold '0,5': '0,5' is no number; write 0.5, or person=0.5"),
        (["a=b=x"], "'x' is no number"),
        (["a="], "'' is no number"),
        (["0.5", "0.6"], "threshold '0.6': given twice"),
        (["a=b=1", "a=b = 0.6"], "'a=b = 0.6': given twice"),
        (["nan"], "threshold is nan"),
        (["a=b=2"], "threshold of a=b is 2; give a number"),
        (["c=0.5"], "threshold names 'c', which is not looked for"),
    ],
)
def test_thresholds_of_the_command_line_are_checked(given: list[str], message: str) -> None:
    assert listed_thresholds(["a=b=0.5"], ["a=b", "x"]) == {"a=b": 0.5}
    assert listed_thresholds([], ["x"]) == {}
    with pytest.raises(InputError, match=message):
        listed_thresholds(given, ["a=b", "x"])
