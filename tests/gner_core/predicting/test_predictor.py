"""Entities in any text: offsets slice back, long texts are cut and merged, bad input is named."""

import json
import math
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gner_core
from gner_core.config.checkpoint import DESCRIPTION
from gner_core.errors import InputError
from gner_core.predicting.entities import Entity, listed_types
from gner_core.predicting.predictor import Predictor

HARD = [
    "Ada\tLovelace met 👨‍👩‍👧‍👦 in 東京。",
    "E\u0301mile Zola, of Nai\u0308ve",
    "",
    " \t\n",
    "nothing here",
]


def test_offsets_slice_back_to_the_text_of_the_entity(rule: Predictor) -> None:
    found = rule.predict(HARD, ["a person, or (x)"])
    for text, entities in zip(HARD, found, strict=True):
        assert all(text[e.start : e.end] == e.text for e in entities)
    assert [[e.text for e in entities] for entities in found] == [
        ["Ada\tLovelace", "👨‍👩‍👧‍👦", "東京"],
        ["E\u0301mile Zola", "Nai\u0308ve"],
        [],
        [],
        [],
    ]
    assert found[0][0] == Entity(0, 12, "a person, or (x)", "Ada\tLovelace", 0.45)


def test_words_that_were_split_already_are_counted(rule: Predictor) -> None:
    ((entity,),) = rule.predict([["of", "New", "York", "."]], ["city"])
    assert entity == Entity(1, 3, "city", "New York", 0.45)


def test_twenty_thousand_words_give_what_one_window_would(rule: Predictor) -> None:
    draw = random.Random(1)
    words = [draw.choice(["waits", "of", "Ada", "York", ".", ","]) for _ in range(20_000)]
    text = " ".join(words)
    (found,) = rule.predict([text], ["place"])
    assert len(rule.finder.generator.asked) > 200  # type: ignore[attr-defined]
    runs = re.finditer(r"(?:Ada|York)(?: (?:Ada|York))*", text)
    assert [(e.start, e.end) for e in found] == [run.span() for run in runs]
    assert all(text[e.start : e.end] == e.text for e in found)


def test_batches_hold_texts_of_like_length(rule: Predictor) -> None:
    rule.predict(["a b c d", "a", "a b c d e", "a b", "a b c", "x y"], ["t"])
    lengths = [len(ask.words) for ask in rule.finder.generator.asked]  # type: ignore[attr-defined]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize(
    ("texts", "types", "message"),
    [
        (["a"], [], "no types"),
        (["a"], ["x", " "], "type 2 is blank"),
        (["a"], ["\u200b"], "type 1 is blank"),
        (["a"], ["x", "o"], "type 2 is no type: O is the tag of words outside entities"),
        (["a"], ["x\0"], "type 1 holds the control character"),
        (["a"], ["caf\u00e9", "cafe\u0301"], "type 2, .* is there twice"),
        (["a"], ["New York", "new  york "], "type 2, 'new  york ', is there twice"),
        (["a"], ["x", "x"], "is there twice"),
        (["a"], "person", "types is one text"),
        (["a"], [3], "type 1 is 3, no text"),
        (["a"], ["\ud83d"], "type 1 holds half a surrogate pair"),
        (["ok", "a \ud83d"], ["x"], "text 2: character 2 is half a surrogate pair"),
        ([["a", " "]], ["x"], "text 1: word 2 is ' '"),
        ([["a", None]], ["x"], "text 1: word 2 is None"),
        ([b"Ada"], ["x"], "text 1 is bytes; decode it"),
        (["a", bytearray(b"Ada")], ["x"], "text 2 is bytes; decode it"),
        (["a", 5], ["x"], "text 2 is of type int; give a text, or its words"),
        (["a", None], ["x"], "text 2 is None; give a text"),
        (["a", {"a": "Ada"}], ["x"], "text 2 is a mapping; give a text"),
        (b"Ada", ["x"], "texts is bytes; decode it"),
        ({"a": "Ada"}, ["x"], "texts is a mapping; give a list of texts"),
        (
            pd.DataFrame({"text": ["Ada"]}),
            ["x"],
            "texts is of type DataFrame; give one column of it",
        ),
        (["a"], pd.DataFrame({"types": ["x"]}), "types is of type DataFrame; give one column"),
        (np.array("Ada"), ["x"], "texts is of type ndarray; give"),
        ({"Ada", "Bo"}, ["x"], "texts is a set; give a list of texts"),
        (None, ["x"], "texts is None; give a list of texts"),
        (5, ["x"], "texts is of type int; give a list of texts"),
        (["a"], {"person": "a human"}, "types is a mapping; give a list of texts"),
        (["a"], {"person"}, "types is a set; give a list of texts"),
        (["a"], b"person", "types is bytes; decode it"),
        (["a"], 5, "types is of type int; give a list of texts"),
        (["a"], "x" * 900, "types is one text, 'x{60}…'; give a list"),
        (["a"], None, "no types; name at least one to look for: tiny has none of its own"),
    ],
)
def test_bad_input_is_named(rule: Predictor, texts: Any, types: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rule.predict(texts, types)


def test_types_with_commas_come_one_by_one() -> None:
    assert listed_types("person, city", ["a, b (c)"]) == ("person", "city", "a, b (c)")
    assert listed_types(None, ["x"]) == ("x",)
    with pytest.raises(InputError, match="type 2 is blank"):
        listed_types("person,,city", [])
    with pytest.raises(InputError, match="--types is empty"):
        listed_types("", ["x"])  # as of a shell variable that is not set


# ---------------------------------------------------------------- real models


def test_a_checkpoint_finds_entities_the_same_alone_and_beside_others(checkpoint: Path) -> None:
    model = gner_core.load(checkpoint)
    types = ["person", "city, or town", "place (x)"]
    together = model.predict([*HARD, "Ada waves to Rome."], types)
    for text, entities in zip([*HARD, "Ada waves to Rome."], together, strict=True):
        (alone,) = model.predict([text], types)
        assert [(e.start, e.end, e.label) for e in alone] == [
            (e.start, e.end, e.label) for e in entities
        ]
        assert all(math.isclose(a.confidence, b.confidence, rel_tol=1e-3) for a, b in zip(alone, entities, strict=True))  # fmt: skip
        assert all(0 < e.confidence <= 1 and e.label in types for e in entities)
        assert all(text[e.start : e.end] == e.text for e in entities)


def test_too_many_types_and_too_long_a_word_are_named(checkpoint: Path) -> None:
    model = gner_core.load(checkpoint)
    with pytest.raises(InputError, match=r"300 types are too many for the 640 tokens that tiny reads: the first (\d+) fit") as caught:  # fmt: skip
        model.predict(["a b"], [f"kind of thing {n}" for n in range(300)])
    number = int(str(caught.value).split("first ")[1].split()[0])
    model.predict(["a"], [f"kind of thing {n}" for n in range(number)])
    with pytest.raises(InputError, match=r"text 1, word 2 \('xxx.*: too long for the 640 tokens"):
        model.predict(["a " + "x" * 4000], ["x"])
    for types, number in ((["x" * 9000], 1), (["x", "y", "z" * 9000, "a"], 3)):
        with pytest.raises(InputError, match=rf"type {number} \(9,000 characters\) is too long for the 640 tokens"):  # fmt: skip
            model.predict(["a"], types)


def test_without_types_it_looks_for_those_of_its_training(checkpoint: Path) -> None:
    model = gner_core.load(checkpoint)
    assert model.predict(["Ada waves"]) == model.predict(["Ada waves"], ["city", "person"])


def test_the_share_of_the_work_counts_long_texts_more(rule: Predictor) -> None:
    told: list[tuple[int, int, float]] = []

    def tell(done: int, total: int, *, share: float) -> None:
        told.append((done, total, share))

    rule.predict([*["a b c d e f g h"] * 4, *["a"] * 4], ["t"], report=tell)
    assert [(done, total) for done, total, _ in told] == [(0, 8), (4, 8), (8, 8)]
    assert told[0][2] == 0
    assert 0.75 < told[1][2] < 1
    assert told[2][2] == 1


def test_two_hundred_types_fit_a_model_that_reads_enough(checkpoint: Path, tmp_path: Path) -> None:
    about = json.loads((checkpoint / DESCRIPTION).read_text())
    for file in checkpoint.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    about["backbone"]["max_source_tokens"] = 4000
    (tmp_path / DESCRIPTION).write_text(json.dumps(about))
    types = [f"type {n}, (kind {n % 7})" for n in range(200)]
    (found,) = gner_core.load(tmp_path).predict(["Ada waves to Rome ."], types)
    assert all(e.label in types for e in found)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "not a checkpoint of gner, it holds no gner.json"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "version None, this gner reads version 1"),
        ('{"version": 9}', "version 9, this gner reads version 1"),
        ('{"version": 1}', "backbone: Field required"),
        ('\ufeff{"version": 1}', "backbone: Field required"),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / DESCRIPTION).write_text(content)
    with pytest.raises(InputError, match=message):
        gner_core.load(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        gner_core.load(tmp_path / "nowhere")


def test_other_target_forms_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    about = json.loads((checkpoint / DESCRIPTION).read_text())
    about["target"] = {"labels": "brackets", "context": "full", "gap": ""}
    (tmp_path / DESCRIPTION).write_text(json.dumps(about))
    with pytest.raises(InputError, match="needs the system gner with labels BIO or BI"):
        gner_core.load(tmp_path)


def test_the_library_is_imported_without_torch() -> None:
    code = "import sys, gner_core; gner_core.load; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
