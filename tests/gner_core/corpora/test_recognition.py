"""A user's own file is recognised, and the snippet for it reads it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from gner_core.config.corpus import CorpusParams
from gner_core.corpora.prepare import stream_split
from gner_core.corpora.recognition import Recognised, recognise
from gner_core.errors import InputError
from gner_core.records import spans_of
from tests.gner_core.corpora.own_corpora import (
    OWN_CORPORA,
    READ,
    SENTENCES,
    columns,
    json_lines,
    rows,
    tab,
)

UNKNOWN = ("varying columns", "JSON lines, integer tags", "conversations", "answers")


def look_at(folder: Path, content: str | bytes, name: str = "own.txt") -> Recognised:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return recognise(folder, {"train": (name,)}, name="own")


def entities(found: Recognised) -> list[tuple[str, str]]:
    """The texts and published labels of the entities that were read."""
    params = found.params.model_copy(update={"labels": "open"})
    stream = stream_split("own", params, split="train", folder=found.folder, repairs=Counter())
    return [
        (" ".join(s.words[span.start : span.end]), span.label)
        for s in stream
        for span in spans_of(s.tags)
    ]


@pytest.mark.parametrize("name", [name for name in OWN_CORPORA if name not in UNKNOWN])
def test_the_snippet_reads_the_file(tmp_path: Path, name: str) -> None:
    own = OWN_CORPORA[name]
    for path, content in own.files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    found = recognise(tmp_path, {"train": (own.entry,)}, name="own")
    (entry,) = yaml.safe_load(found.snippet).values()
    params = CorpusParams.model_validate(entry)
    assert params.labels == {"PER": "person", "LOC": "location", "ORG": "organization"}
    sentences = list(stream_split("own", params, split="train", folder=tmp_path, repairs=Counter()))
    assert [(s.words, s.tags) for s in sentences] == READ
    assert found.splits["train"].statistics["sentences"] == 10
    assert found.splits["train"].repairs == own.repairs
    assert [p for p in found.problems if "all hold tags; the last one" not in p] == []


def test_lines_that_do_not_fit_are_named(tmp_path: Path) -> None:
    lines = rows(tab)
    lines[0][2] = "plays\tO\tO"
    lines[1][1] = "saw\tx"
    found = look_at(tmp_path, columns(lines), "own.tsv")
    assert [p.partition("own.tsv, ")[2] for p in found.problems[:2]] == [
        "line 3: 3 columns where most lines have 2",
        "line 10: 'x' is no tag",
    ]
    assert found.splits == {}


def test_many_faults_are_summed_up(tmp_path: Path) -> None:
    lines = [[*sentence, "odd"] for sentence in rows(tab)] * 9
    problems = look_at(tmp_path, columns(lines)).problems
    assert any("70 more lines like these" in problem for problem in problems)
    assert len(problems) <= 22


def test_integer_tags_need_names_and_those_of_entities_are_meant(tmp_path: Path) -> None:
    records = [
        {"tokens": ["Ida", "ran"], "pos_tags": [22, 3], "chunks": [1, 2], "ner_tags": [1, 0]}
    ]
    found = look_at(tmp_path, json_lines(records))
    assert found.splits == {}
    assert "tags in 'ner_tags' are integers from 0 to 1" in found.problems[0]
    assert yaml.safe_load(found.snippet)["own"]["format"]["tag_names"][0] == "O"


def test_an_open_question_about_ends_is_said(tmp_path: Path) -> None:
    records = [{"words": list(w), "entities": [[1, 3, "x"]]} for w, _ in SENTENCES if len(w) > 4]
    found = look_at(tmp_path, json_lines(records))
    assert any("cannot tell whether an entity's end is included" in p for p in found.problems)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("just some words\nin two lines\n", "no column of tags.*the last one holds words, lines"),
        ('{"text": "no entities"}\n', "neither words with tags nor entities"),
        ("O\tO\nB-x\tB-x\n", "all 2 columns hold tags"),
        ("Ida\tB\nMoe\tI\nran\tO\n", "no column of tags.* holds B, I, O"),
        ("Ida B_PER\nMoe I_PER\nran O\noff O\n", "no column of tags.* holds B_PER, I_PER, O"),
        ("PK\x03\x04", "a zip: unpack it"),
        (b"x\x9c\xed\x9d", r"spaCy's .spacy files: write doc.to_json\(\)"),
        ('{"text": "Ida ran", "spans": [[0, 3, "B-PER"], [4, 7, "O"]]}', "marks tags per word"),
        ('{"text": "Ida ran", "spans": [[0, 3, "B-PER"], [4, 7, "I-PER"]]}', "tags per word"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        look_at(tmp_path, content)


def test_a_table_without_entities_is_named_for_what_it_is(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"numbers": [1]}), tmp_path / "own.parquet")
    with pytest.raises(InputError, match=r"is Parquet: write the entry with format: .*numbers"):
        recognise(tmp_path, {"train": ("own.parquet",)}, name="own")


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("U-LOC O B-PER I-PER L-PER", "bilou"),
        ("S-LOC O B-PER I-PER E-PER", "bioes"),
        ("S-LOC O B-PER M-PER E-PER", "bmes"),
        ("LOC O O PER PER PER O O O LOC O O", "io"),
        ("I-LOC O I-PER I-PER I-PER", "iob1"),
    ],
)
def test_schemes(tmp_path: Path, tags: str, scheme: str) -> None:
    lines = [f"word{n} {tag}" for n, tag in enumerate(tags.split())]
    found = look_at(tmp_path, "\n".join(lines))
    assert found.params.format.model_dump()["scheme"] == scheme
    assert entities(found)[:2] == [
        ("word0", "LOC"),
        ("word3 word4 word5" if scheme == "io" else "word2 word3 word4", "PER"),
    ]
    record = {"words": [line.split()[0] for line in lines], "tags": tags.split()}
    as_json = look_at(tmp_path, json_lines([record]), "own.jsonl")
    assert entities(as_json) == entities(found)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_lines_that_are_no_tokens(tmp_path: Path, end: str) -> None:
    lines = [
        "\ufeff#begin document (one);",
        "# four words like this",
        "Ida _ _ B-PER",
        "# _ _ O",
        "-DOCSTART- O",
        "Oslo _ _ B-LOC",
        " \t ",
        "\ufeff-DOCSTART-",
        "",
        "# _ _ B-LOC",
        "",
        "#end document",
    ]
    found = look_at(tmp_path, end.join(lines))
    assert entities(found) == [("Ida", "PER"), ("Oslo", "LOC"), ("#", "LOC")]
    part = found.splits["train"]
    assert (part.statistics["sentences"], part.statistics["words"]) == (3, 4)
    assert part.repairs == {"comment lines left out": 3, "-DOCSTART- lines left out": 2}


def test_tokens_stand_behind_ids(tmp_path: Path) -> None:
    found = look_at(tmp_path, "s1 1 Ida N B-PER\ns1 2 ran V O\n\ns2 1 Oslo N B-LOC\n")
    assert entities(found) == [("Ida", "PER"), ("Oslo", "LOC")]


def test_rows_of_blank_cells_end_sentences(tmp_path: Path) -> None:
    found = look_at(tmp_path, "Ida\tB-PER\n \t\nOslo\tB-LOC\n\t\nit\tO\n\tO\n")
    assert found.splits["train"].statistics["sentences"] == 3
    assert found.splits["train"].repairs == {"blank tokens dropped": 1}


def test_ranges_and_empty_nodes_are_no_words(tmp_path: Path) -> None:
    table = "1 Ida B-PER;2-3 isn't _;2 is O;3 n't O;3.1 been _;4 Oslo B-LOC"
    found = look_at(tmp_path, table.replace(" ", "\t").replace(";", "\n"))
    assert entities(found) == [("Ida", "PER"), ("Oslo", "LOC")]
    assert found.splits["train"].statistics["words"] == 4
    assert found.splits["train"].repairs == {"ranges and empty nodes of CoNLL-U left out": 2}


@pytest.mark.parametrize(
    ("content", "doubt"),
    [
        ("Ida B-PER\nran O\n" * 60, "no empty line in the whole file: one sentence of 120 words"),
        ("Ida B-PER\n\n" + "ran O\n" * 501, "few empty lines: a sentence of 501 words"),
        ("Ida B-PER\n\n" * 101, "an empty line behind every word: 101 sentences of one word"),
        ("Ida B-PER\nMoe B-per\n", "labels that differ in capitals only: PER, per"),
        ("Ida O\n", "no entity in the whole file"),
    ],
)
def test_what_is_doubtful_is_said(tmp_path: Path, content: str, doubt: str) -> None:
    assert [p.partition(": ")[2] for p in look_at(tmp_path, content).problems] == [doubt]


TEXT = "Ida Moe saw Oslo."
RECORD: dict[str, Any] = {"text": TEXT, "marks": [[0, 7, "PER"], [12, 16, "LOC"]]}


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
        (
            [{"words": ["Ida"], "tags": ["B-PER"]}, {"words": [None], "tags": ["O"]}],
            "line 2: 'words' must be a list of strings",
        ),
    ],
)
def test_one_record_that_differs_is_named(tmp_path: Path, records: list[Any], message: str) -> None:
    found = look_at(tmp_path, json_lines(records))
    assert found.splits == {}
    with pytest.raises(InputError, match=message):
        raise InputError(found.problems[0])


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


def test_words_are_split_where_entities_would_be_widened(tmp_path: Path) -> None:
    record = {"text": "Ask Ida Moe. Oslo-based.", "marks": [[4, 11, "PER"], [13, 17, "LOC"]]}
    found = look_at(tmp_path, json_lines([record]))
    assert entities(found) == [("Ida Moe", "PER"), ("Oslo", "LOC")]


def test_changed_entities_are_an_error_unless_allowed(tmp_path: Path) -> None:
    record = {"text": TEXT, "marks": [[0, 7, "PER"], [4, 16, "LOC"], [12, 16, "LOC"]]}
    found = look_at(tmp_path, json_lines([record]))
    assert "66.7% of 3 entities would be changed (2 overlapping" in found.problems[-1]
    assert found.splits == {}
    allowed = recognise(tmp_path, {"train": ("own.txt",)}, name="own", changed_at_most=0.7)
    assert entities(allowed) == [("Moe saw Oslo", "LOC")]
    assert yaml.safe_load(allowed.snippet)["own"]["changed_at_most"] == 0.7


def test_labels_are_compared_with_single_blanks(tmp_path: Path) -> None:
    lines = "Ida\tB-PER \nMoe\tI-PER\nsaw\tO \nOslo\tB- LOC\n"
    found = look_at(tmp_path, lines)
    sentences = stream_split("own", found.params, split="train", folder=tmp_path, repairs=Counter())
    assert [s.tags for s in sentences] == [("B-person", "I-person", "O", "B-location")]


def test_no_two_labels_share_a_name_in_prompts(tmp_path: Path) -> None:
    labels = ("PER", "person", "a_b", "a b", "GPE")
    lines = "".join(f"word\tB-{label}\n" for label in labels)
    names = look_at(tmp_path, lines).params.labels
    assert isinstance(names, dict)
    assert names == {
        "PER": "PER",
        "person": "person",
        "a_b": "a_b",
        "a b": "a b",
        "GPE": "geopolitical entity",
    }


def test_regions_of_a_web_page_are_told_from_those_of_a_text(tmp_path: Path) -> None:
    place = {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "text": "Ida"}
    region = {"type": "hypertextlabels", "value": {**place, "hypertextlabels": ["PER"]}}
    task = {"data": {"html": "<p>Ida</p>"}, "annotations": [{"result": [region]}]}
    found = look_at(tmp_path, json.dumps([task]))
    assert "line 1: region" in found.problems[0]
    assert "not those of HyperText" in found.problems[0]
