"""From candidates to entities: the rules of gliner 0.2.29, and outputs that are nothing of the kind."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gner_core.config.systems.gliner import GlinerSystem
from gner_core.config.training import TrainParams
from gner_core.records import Span
from gner_core.systems.gliner.engine import GlinerReader
from gner_core.systems.gliner.inputs import words_read
from gner_core.systems.gliner.reading import Candidate, decode
from gner_core.training.gliner import rows as training_rows
from tests.gner_core.systems.gliner.test_engine import sentence

Row = tuple[int, int, str, float]
OUTER, INNER, CROSSING = (2, 6, "event", 0.9), (3, 5, "person", 0.8), (5, 8, "place", 0.7)


def kept(rows: Sequence[Row], *, flat: bool = True, multi_label: bool = False) -> list[Row]:
    candidates = [Candidate(*row) for row in rows]
    found = decode(candidates, words=10, threshold=0.5, flat=flat, multi_label=multi_label)
    return [tuple(one) for one in found]


@pytest.mark.parametrize(
    ("rows", "rules", "expected"),
    [
        ([], {}, []),
        ([(0, 1, "a", 0.5)], {}, []),  # strictly greater
        ([(0, 2, "a", 0.8), (2, 4, "b", 0.9)], {}, [(0, 2, "a", 0.8), (2, 4, "b", 0.9)]),
        ([(0, 2, "a", 0.8), (1, 3, "b", 0.9)], {}, [(1, 3, "b", 0.9)]),
        ([(0, 2, "a", 0.8), (0, 2, "b", 0.8)], {}, [(0, 2, "a", 0.8)]),  # the first listed
        ([(8, 11, "a", 0.9)], {}, []),  # goes on behind the last word
        ([INNER, OUTER, CROSSING], {}, [OUTER]),
        ([INNER, OUTER, CROSSING], {"flat": False}, [OUTER, INNER]),
        ([INNER, CROSSING], {"flat": False}, [INNER, CROSSING]),  # they touch
        ([(0, 2, "a", 0.8), (0, 2, "b", 0.9)], {"flat": False}, [(0, 2, "b", 0.9)]),
        (
            [(0, 2, "a", 0.8), (0, 2, "b", 0.9), (1, 3, "c", 0.7)],
            {"multi_label": True},
            [(0, 2, "b", 0.9), (0, 2, "a", 0.8)],
        ),
    ],
)
def test_the_rules(rows: Sequence[Row], rules: dict[str, bool], expected: Sequence[Row]) -> None:
    assert kept(rows, **rules) == expected


def test_published_results_are_reproduced(shared: Path) -> None:
    records = (shared / "systems/golden/parse_gliner.jsonl").read_text().splitlines()
    for record in map(json.loads, records):
        candidates = [Candidate(s, e + 1, t, p) for s, e, t, p in record["candidates_inclusive"]]
        found = decode(
            candidates,
            words=record["n_words"],
            threshold=record["threshold"],
            flat=record["flat_ner"],
            multi_label=record["multi_label"],
        )
        assert [list(one) for one in found] == record["published"], record["id"]


def test_inputs_and_training_spans_are_the_published_ones(
    shared: Path, recipe: TrainParams
) -> None:
    records = (shared / "systems/golden/gliner.jsonl").read_text().splitlines()
    for record in map(json.loads, records):
        tags = ["O"] * len(record["words"])
        for start, end, label in record["gold"]:
            tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
        one = sentence(" ".join(record["words"]), *record["types"])
        (line,) = training_rows([replace(one, tags=tuple(tags))], recipe, {})
        row: dict[str, Any] = json.loads(line)
        assert row["words"] == record["words"]
        assert row["spans"] == record["train_ner_inclusive"]
        assert [sorted(types) for types in row["types"]] == [sorted(record["types"])] * 2
        read = words_read(record["words"], record["types"], causal=False)
        assert read == record["encoder_words"]
        assert len(read) - len(record["words"]) == record["prompt_length"]


def test_a_reading_has_sorted_spans_and_tells_types_that_were_not_asked_for(
    params: GlinerSystem,
) -> None:
    rows = [[3, 4, "place", 0.9], [0, 2, "person", 0.8], [2, 3, "drink", 0.7]]
    reading = GlinerReader(params).read(
        "Ada Lovelace drinks London".split(),
        ["place", "person"],
        [json.dumps({"candidates": rows})],
    )
    assert reading.spans == (Span(0, 2, "person"), Span(3, 4, "place"))
    assert reading.unknown == (("drink", "drinks"),)
    assert reading.unread == reading.hallucinated == ()


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("", "an output that is no JSON"),
        ("[" * 100_000, "an output that is no JSON"),
        ("null", "an output without candidates"),
        ('{"candidates": 3}', "an output without candidates"),
        ('{"too_long": "400 words"}', "not asked: 400 words"),
        ('{"candidates": [[0, 1, "a", NaN], [0, 1, "a", 0.9]]}', "1 of 2 candidates"),
        ('{"candidates": [[0, 9, "a", 0.9], [true, 1, "a", 0.9], 7]}', "3 of 3 candidates"),
        ('{"candidates": [[0, 1e400, "a", 1], [-1, 1, "a", 1], [1, 0, "a", 1]]}', "3 of 3"),
        ('{"candidates": [[0, ' + "9" * 5000 + ', "a", 1]]}', "an output that is no JSON"),
    ],
)
def test_what_cannot_be_read_is_told(params: GlinerSystem, output: str, told: str) -> None:
    (said,) = GlinerReader(params).read(["a", "b"], ["a"], [output]).unread
    assert told in said


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 12) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
ROWS = st.lists(st.tuples(st.integers(-1, 8), st.integers(-1, 9), st.text(max_size=2), st.floats()))


@given(st.text() | VALUES.map(json.dumps) | ROWS.map(lambda r: json.dumps({"candidates": r})))
def test_no_output_raises(params: GlinerSystem, output: str) -> None:
    words, types = ["w"] * 8, ["a", "b"]
    for flat in (True, False):
        reader = GlinerReader(params.model_copy(update={"flat": flat}))
        reading = reader.read(words, types, [output])
        assert list(reading.spans) == sorted(set(reading.spans))
        assert all(0 <= one.start < one.end <= 8 and one.label in types for one in reading.spans)


def test_everything_found_everywhere_takes_moments(params: GlinerSystem) -> None:
    """As a model that has learned nothing may answer: 200 words, every span, eight types."""
    draw = random.Random(1)
    rows = [
        [start, end, str(kind), draw.random()]
        for start in range(200)
        for end in range(start + 1, min(start + 13, 201))
        for kind in range(8)
    ]
    output = json.dumps({"candidates": rows})
    for flat in (True, False):
        reader = GlinerReader(params.model_copy(update={"flat": flat}))
        assert reader.read(["w"] * 200, [str(n) for n in range(8)], [output]).spans


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4), st.sampled_from("ab"))))
def test_the_choice_is_that_of_comparing_every_pair(spans: list[tuple[int, int, str]]) -> None:
    """The published way, in as many steps as there are pairs."""
    rows = [
        (start, min(start + width, 10), kind, 1 - n / 1000)
        for n, (start, width, kind) in enumerate(spans)
    ]
    for flat in (True, False):
        for multi_label in (True, False):
            expected: list[Row] = []
            for one in rows:
                a, b = one[:2]
                if all(
                    multi_label
                    if (a, b) == (c, d)
                    else b <= c or d <= a or (not flat and (a <= c < d <= b or c <= a < b <= d))
                    for c, d, *_ in expected
                ):
                    expected.append(one)
            expected.sort(key=lambda row: row[0])
            assert kept(rows, flat=flat, multi_label=multi_label) == expected


def test_training_names_types_as_the_system_does(recipe: TrainParams) -> None:
    one = replace(sentence("Ada waves", "person", "place"), tags=("B-person", "O"))
    (line,) = training_rows([one], recipe, {"person": "human"})
    row = json.loads(line)
    assert row["spans"] == [[0, 0, "human"]]
    assert [sorted(types) for types in row["types"]] == [["human", "place"]] * 2
