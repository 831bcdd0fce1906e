"""Results are plain lists that turn into JSON, and show themselves in a notebook, escaped."""

import json
import pickle

import pytest

from gner_core.predicting.display import SHOWN_TEXTS, hues
from gner_core.predicting.entities import Entity
from gner_core.predicting.predictor import Predictor
from gner_core.predicting.results import Entities, Results
from gner_core.reports.entities import render_entities

TEXT = "Ada <b>met</b> 東京\t👨‍👩‍👧‍👦 in New York."
FOUND = [Entity(0, 3, "a, b (c)", "Ada", 0.98), Entity(29, 37, "<i>city", "New York", 0.3)]
TYPES = ("a, b (c)", "<i>city", "x")


def test_one_text_gives_one_list_and_a_list_a_list_of_them(rule: Predictor) -> None:
    one, several = rule.predict("Ada waits", ["x"]), rule.predict(["Ada waits"], ["x"])
    assert one == [Entity(0, 3, "x", "Ada", 0.9)]
    assert several == [one]
    assert (one.text, one.types, several.types) == ("Ada waits", ("x",), ("x",))
    assert rule.predict("", ["x"]) == []
    assert rule.predict([], ["x"]) == []


def test_entities_turn_into_dicts_and_json(rule: Predictor) -> None:
    found = rule.predict(["Ada waits", "東京"], ["x"])
    first = {"start": 0, "end": 3, "label": "x", "text": "Ada", "confidence": 0.9}
    assert found[0][0].to_dict() == first == json.loads(found[0][0].to_json())
    assert found.to_dicts()[0] == found[0].to_dicts() == [first]
    assert json.loads(found.to_json()) == found.to_dicts()
    assert json.loads(found[0].to_json()) == [first]
    assert "東京" in found.to_json()


def test_they_can_be_pickled() -> None:
    one = Entities(FOUND, text=TEXT, types=TYPES)
    copied = pickle.loads(pickle.dumps(Results([one], types=TYPES)))
    assert copied == [FOUND]
    assert copied[0].text == TEXT


def test_a_notebook_shows_every_text_escaped_with_the_colours_of_the_page() -> None:
    html = Results([Entities(FOUND, text=TEXT, types=TYPES)], types=TYPES)._repr_html_()
    assert "&lt;b&gt;met&lt;/b&gt; 東京\t👨‍👩‍👧‍👦 in <mark" in html
    assert "<b>" not in html and "<i>city" not in html
    assert '<mark title="characters 29 to 37"' in html
    assert "98</span>" in html and "dashed" in html
    page = render_entities([TEXT], [FOUND], types=TYPES, title="t")
    for name in ("a, b (c)", "<i>city"):
        assert f"hsl({hues(TYPES)[name]} " in html
        assert f"--hue:{hues(TYPES)[name]}" in page
    assert not any(mark in html for mark in ("http:", "https:", "<script", "<style"))


def test_words_are_shown_as_a_text(rule: Predictor) -> None:
    (found,) = rule.predict([["of", "New", "York", "."]], ["city"])
    html = found._repr_html_()
    assert '>of <mark title="words 1 to 3"' in html
    assert ">New York<small" in html and "</mark> .</p>" in html


@pytest.mark.parametrize(("number", "said"), [(SHOWN_TEXTS, ""), (SHOWN_TEXTS + 7, "and 7 more")])
def test_a_notebook_is_not_flooded(number: int, said: str) -> None:
    html = Results([Entities([], text="a", types=("x",))] * number, types=("x",))._repr_html_()
    assert html.count(">a</p>") == SHOWN_TEXTS
    assert said in html
    assert "no entities" in html
