"""Records with marked entities are recognised: their fields, positions and labels."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from gner_core.config.corpus import CorpusParams
from gner_core.config.reading.plain_yaml import read_text
from gner_core.corpora.prepare import stream_split
from gner_core.corpora.recognition import recognise
from gner_core.errors import InputError
from tests.gner_core.corpora.own_corpora import (
    json_lines,
)
from tests.gner_core.corpora.recognition.looking import RECORD, TEXT, entities, look_at

TAGGED = [{"words": ["Ida", "ran"], "tags": ["B-PER", "O"]}] * 5
NUMBERED = [{"words": ["Ida", "ran"], "tags": [1, 0]}] * 3


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([RECORD, {"text": None, "marks": []}], "line 2: 'text' must be a text"),
        ([{"text": "No."}, RECORD], "line 1: no field 'marks'"),
        ([{**RECORD, "marks": [[0.0, 7.0, "PER"]]}], "line 1: .* is not two integers and a label"),
        ([{**RECORD, "marks": [["0", "7", "PER"]]}], "line 1: .* is not two integers and a label"),
        (
            [{**RECORD, "marks": [[0, 7, " "]]}, RECORD],
            r"line 1: entity \[0, 7, ' '\] has an empty",
        ),
        ([RECORD, {**RECORD, "marks": None}], "line 2: 'marks' must be a list"),
        ([{**RECORD, "marks": [[0, 7, 5]]}], "line 1: .* is not two integers and a label"),
        (
            [{"words": ["Ida"], "tags": ["B-PER"]}, {"words": ["Moe"], "tags": []}],
            "line 2: 1 words but 0 tags",
        ),
        (
            [{"words": ["Ida"], "tags": ["B-PER"]}, {"words": [None], "tags": ["O"]}],
            "line 2: 'words' must be a list of strings",
        ),
        ([*TAGGED, {"words": ["a", "b"], "tags": ["O", "B-"]}], "line 6: unknown tag 'B-'"),
        ([*TAGGED, {"words": ["a", "b"], "tags": ["O", "0"]}], "line 6: unknown tag '0'"),
        ([*TAGGED, {"words": ["a", "b"], "tags": ["O", None]}], "line 6: tag None in 'tags'"),
        (
            [*[{"words": ["a", "b"], "tags": ["B", "O"]}] * 5, {"words": ["a"], "tags": ["0"]}],
            "line 6: unknown tag '0'; expected O, B or I",
        ),
        ([*NUMBERED, {"words": ["a", "b"], "tags": [0, None]}], r"line 4: 'tags' must .*\[0, None"),
        ([*NUMBERED, {"words": ["a", "b"], "tags": [0, "1"]}], r"line 4: 'tags' must .*\[0, '1'"),
        (
            [
                *3 * [{"text": TEXT, "marks": {"start": [0], "end": [7], "label": ["PER"]}}],
                {"text": TEXT, "marks": {"start": [0], "end": [7, 9], "label": ["PER"]}},
            ],
            "line 4: lists in 'marks' differ in length: start 1, end 2, label 1",
        ),
        ([RECORD, {**RECORD, "marks": [[0, 7, []]]}], "line 2: entity .* has no label"),
        (
            [
                {"text": text, "marks": [{"start": 12, "end": 16, "label": "LOC", "text": "Oslo"}]}
                for text in (TEXT, "")
            ],
            "line 2: 12 to 16 lies outside the text's 0 characters",
        ),
    ],
)
def test_one_record_that_differs_is_named(tmp_path: Path, records: list[Any], message: str) -> None:
    found = look_at(tmp_path, json_lines(records))
    assert found.splits == {}
    with pytest.raises(InputError, match=message):
        raise InputError("; ".join(found.problems))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"words": ["Ida", "ran"], "ids": [10**9, 10**30]}, "neither words with tags"),
        (
            {"text": "\ud800", "marks": [{"start": 0, "end": 4, "label": "LOC", "text": "Oslo"}]},
            r"line 1: '\\ud800' is half of a character",
        ),
        (
            {"text": "Maria visited Lyon.", "entities": [[False, 5, "PER"], [14, 18, "LOC"]]},
            r"line 1: entity \[False, 5, 'PER'\] is not two integers",
        ),
    ],
)
def test_odd_values_end_in_a_message(tmp_path: Path, record: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        raise InputError("; ".join(look_at(tmp_path, json.dumps(record)).problems))


def test_among_few_records_an_odd_tag_is_named_by_its_line(tmp_path: Path) -> None:
    rows = [(["B-PER", "O"]), (["B-LOC", "X-?"])]
    records = json_lines([{"tokens": ["Ida", "ran"], "ner_tags": row} for row in rows])
    with pytest.raises(InputError, match=r"'ner_tags' holds X-\? \(line 2\), B-PER, O, B-LOC, and"):
        look_at(tmp_path, records)


def test_a_tag_among_labels_of_entities_is_looked_at(tmp_path: Path) -> None:
    entities = [{"text": "Ida ran", "marks": [[0, 3, label]]} for label in ("PER", "PER", "B-PER")]
    problems = look_at(tmp_path, json_lines(entities)).problems
    assert any(one.startswith("B-PER is a label beside PER: ") for one in problems)


@pytest.mark.parametrize(
    "whole",
    [
        {"data": [RECORD, RECORD]},
        {"version": "1.0", "examples": [RECORD, RECORD]},
        {"7": RECORD, "9": RECORD},
        {"7": RECORD, "9": {**RECORD, "note": "checked"}},
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_one_object_may_hold_all_records(
    tmp_path: Path, whole: dict[str, Any], indent: int | None
) -> None:
    found = look_at(tmp_path, json.dumps(whole, indent=indent))
    assert entities(found) == [("Ida Moe", "PER"), ("Oslo", "LOC")] * 2


def test_a_list_of_records_may_begin_in_the_first_line(tmp_path: Path) -> None:
    records = ",\n  ".join([json.dumps(RECORD)] * 2)
    found = look_at(tmp_path, f'{{"data": [\n  {records}\n]}}')
    assert entities(found) == [("Ida Moe", "PER"), ("Oslo", "LOC")] * 2


def test_a_record_may_call_its_entities_items(tmp_path: Path) -> None:
    items = [{"start": 0, "end": 5, "label": "PER"}]
    found = look_at(tmp_path, json.dumps({"passage": "Maria visited Lyon.", "items": items}))
    assert entities(found) == [("Maria", "PER")]


def test_an_empty_entity_is_an_error_and_does_not_move_the_others(tmp_path: Path) -> None:
    records = [RECORD, {"text": TEXT, "marks": [[4, 4, "PER"]]}]
    found = look_at(tmp_path, json_lines(records))
    assert found.splits == {}
    assert "line 2: an entity from 4 to 4 is empty" in found.problems[-1]


def test_positions_inside_words_are_doubtful(tmp_path: Path) -> None:
    from_one = {"text": TEXT, "marks": [[1, 7, "PER"], [13, 16, "LOC"]]}
    (problem,) = look_at(tmp_path, json_lines([from_one])).problems
    assert "50% of the starts and ends of entities lie inside words" in problem
    chinese = {"text": "王小明住在北京市", "marks": [[0, 3, "PER"], [5, 7, "LOC"]]}
    assert look_at(tmp_path, json_lines([chinese])).problems == []


@pytest.mark.parametrize("counted", ["UTF-16 units", "characters"])
def test_positions_that_fit_words_as_utf16_units_only_are_doubtful(
    tmp_path: Path, counted: str
) -> None:
    text = "🎉🎉🎉🎉 In Oslo at last, said Ana to me on Monday."
    more = 4 if counted == "UTF-16 units" else 0
    marks = [
        [text.index(said) + more, text.index(said) + len(said) + more, "x"]
        for said in ("Oslo", "Ana")
    ]
    value = [{"value": {"start": start, "end": end, "labels": ["x"]}} for start, end, _ in marks]
    task = {"data": {"text": text}, "annotations": [{"result": value}]}
    said = "start and end with words 4 times if positions count UTF-16 units"
    for record in ({"text": text, "marks": marks}, task):
        problems = look_at(tmp_path, json_lines([record])).problems
        assert any(said in problem for problem in problems) == (counted == "UTF-16 units")


@pytest.mark.parametrize(
    "marks",
    [
        [[3, 7, "LOC", "Oslo"], [12, 15, "PER", "Ida"]],
        [[3, 7, "Oslo", "LOC"], [12, 15, "Ida", "PER"]],
        [{"start": 3, "end": 7, "label": "LOC", "quote": "Oslo"}],
        [{"start": 3, "end": 7, "type": "LOC", "entity": "Oslo"}],
    ],
)
def test_the_text_of_an_entity_may_have_other_names(tmp_path: Path, marks: list[Any]) -> None:
    found = look_at(tmp_path, json_lines([{"text": "🎉 Oslo saw Ida", "marks": marks}]))
    assert entities(found) == [("Oslo", "LOC"), ("Ida", "PER")][: len(marks)]
    with_ids = [{"start": 2, "end": 6, "type": "LOC", "entity": "Q585"}]
    assert entities(look_at(tmp_path, json_lines([{"text": "🎉 Oslo", "marks": with_ids}])))


def test_several_fields_of_integers_are_named(tmp_path: Path) -> None:
    record = {"words": ["Ida", "ran"], "parts": [4, 7], "marks": [1, 0]}
    (problem,) = look_at(tmp_path, json_lines([record])).problems
    assert "tags in 'parts'" in problem and "may also be one of marks" in problem


def test_the_text_is_the_one_that_entities_fit(tmp_path: Path) -> None:
    marks = [
        {"start": 0, "end": 7, "text": "Ida Moe", "labels": ["PER"]},
        {"start": 12, "end": 16, "text": "Oslo", "labels": ["LOC", "CITY"]},
    ]
    record = {"created": "2024-01-01 and many more words than the text has", "body": TEXT}
    found = look_at(tmp_path, json.dumps([{**record, "marks": marks}], indent=1))
    assert entities(found) == [("Ida Moe", "PER"), ("Oslo", "LOC")]
    assert found.splits["train"].repairs == {"further labels of an entity left out": 1}


@pytest.mark.parametrize("key", ["text", "word", "value", "surface"])
@pytest.mark.parametrize(
    ("text", "unit", "width"),
    [
        ("🎉🎉 in Oslo", "UTF-16 units", lambda before: len(before.encode("utf-16-le")) // 2),
        ("Éé in Oslo", "UTF-8 bytes", lambda before: len(before.encode())),
        ("So\r\nin\r\nOslo", "signs with CRLF as one", lambda b: len(b.replace("\r\n", "\n"))),
    ],
)
def test_positions_count_what_the_text_of_the_entity_says(
    tmp_path: Path, key: str, text: str, unit: str, width: Any
) -> None:
    start = width(text[: text.index("Oslo")])
    mark = {"start": start, "end": start + 4, key: "Oslo", "label": "LOC"}
    found = look_at(tmp_path, json_lines([{"text": text, "marks": [mark]}]))
    assert entities(found) == [("Oslo", "LOC")]
    assert found.splits["train"].repairs == {f"positions in {unit} converted": 1}
    assert found.problems == []
    wrong = [{"text": text, "marks": [mark, {**mark, key: "Rome"}]}]
    (problem,) = look_at(tmp_path, json_lines(wrong)).problems
    assert "line 1" in problem and "says 'Rome' where the text has" in problem


@pytest.mark.parametrize("said", ["Ge\u0301o  Moe", "G\u00e9o\u00a0Moe", "g\u00e9o moe"])
def test_blanks_capitals_and_normal_forms_may_differ(tmp_path: Path, said: str) -> None:
    mark = {"start": 4, "end": 11, "text": said, "label": "PER"}
    found = look_at(tmp_path, json_lines([{"text": "Ask G\u00e9o Moe of Oslo", "marks": [mark]}]))
    assert entities(found) == [("G\u00e9o Moe", "PER")] and found.problems == []


def test_words_are_split_where_entities_would_be_widened(tmp_path: Path) -> None:
    record = {"text": "Ask Ida Moe. Oslo-based.", "marks": [[4, 11, "PER"], [13, 17, "LOC"]]}
    found = look_at(tmp_path, json_lines([record]))
    assert entities(found) == [("Ida Moe", "PER"), ("Oslo", "LOC")]


def test_changed_entities_are_an_error_unless_allowed(tmp_path: Path) -> None:
    record = {"text": TEXT, "marks": [[0, 7, "PER"], [4, 16, "LOC"], [12, 16, "LOC"]]}
    found = look_at(tmp_path, json_lines([record]))
    assert "66.7% of 3 entities would be changed (2 overlapping" in found.problems[-1]
    assert "tokens: words" not in found.problems[-1]  # which would not help
    assert found.splits == {}
    allowed = recognise(tmp_path, {"train": ("own.txt",)}, name="own", changed_at_most=0.7)
    assert entities(allowed) == [("Moe saw Oslo", "LOC")]
    assert yaml.safe_load(allowed.snippet)["own"]["changed_at_most"] == 0.7


def test_labels_are_compared_with_single_blanks(tmp_path: Path) -> None:
    lines = "Ida\tB-PER \nMoe\tI-PER\nsaw\tO \nOslo\tB- LOC\n"
    found = look_at(tmp_path, lines)
    sentences = stream_split("own", found.params, split="train", folder=tmp_path, repairs=Counter())
    assert [s.tags for s in sentences] == [("B-person", "I-person", "O", "B-location")]


def test_labels_of_one_type_share_a_name_in_prompts_and_are_told(tmp_path: Path) -> None:
    labels = ("PER", "Person", "a_b", "a b", "caf\u00e9", "CAFE\u0301", "GPE", "B-cell")
    lines = "".join(f"word\tB-{label}\n" for label in labels)
    found = look_at(tmp_path, lines)
    assert found.params.labels == {
        "PER": "person",
        "Person": "person",
        "a_b": "a b",
        "a b": "a b",
        "CAF\u00c9": "CAF\u00c9",
        "caf\u00e9": "CAF\u00c9",
        "GPE": "geopolitical entity",
        "B-cell": "B cell",
    }
    said = "several labels are one type, person: PER (train), Person (train); "
    assert found.problems[1].startswith(said)
    assert len(found.problems) == 3
    (entry,) = read_text(found.snippet, "own.yaml").values()
    assert CorpusParams.model_validate(entry) == found.params


@pytest.mark.parametrize("label", ["o", "\u200b"])
def test_a_label_that_is_no_type_is_named_with_its_file(tmp_path: Path, label: str) -> None:
    with pytest.raises(InputError, match=r"own.txt: label .*; rename it in the files"):
        look_at(tmp_path, f"Ida\tB-{label}\nran\tO\n")


def test_regions_of_a_web_page_are_told_from_those_of_a_text(tmp_path: Path) -> None:
    place = {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "text": "Ida"}
    region = {"type": "hypertextlabels", "value": {**place, "hypertextlabels": ["PER"]}}
    task = {"data": {"html": "<p>Ida</p>"}, "annotations": [{"result": [region]}]}
    found = look_at(tmp_path, json.dumps([task]))
    assert "line 1: region" in found.problems[0]
    assert "not those of HyperText" in found.problems[0]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"annotations": ["x"]}, "'annotations' must be a list of objects"),
        ({"annotations": {"a": 1}}, "'annotations' must be a list of objects"),
        ({"annotations": "none"}, "'annotations' must be a list of objects"),
        ({"annotations": [{"result": 5}]}, "'result' must be a list of objects"),
        ({"annotations": [{"result": ["x"]}]}, "'result' must be a list of objects"),
        (
            {"annotations": [{"result": [{"value": {"start": 0, "end": 3, "labels": []}}]}]},
            "entity .* has no label",
        ),
    ],
)
def test_a_task_of_another_shape_is_named(tmp_path: Path, task: Any, message: str) -> None:
    region = {"start": 0, "end": 3, "text": "Ida", "labels": ["PER"]}
    good = {"data": {"text": TEXT}, "annotations": [{"result": [{"value": region}]}]}
    found = look_at(tmp_path, json_lines([good, {**good, **task}]))
    with pytest.raises(InputError, match=f"line 2: {message}"):
        raise InputError(found.problems[0])
