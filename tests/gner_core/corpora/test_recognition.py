"""A user's own file is recognised, and the snippet for it reads it."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from gner_core.config.corpus import CorpusParams
from gner_core.corpora.prepare import stream_split
from gner_core.corpora.recognition import recognise
from gner_core.errors import InputError
from tests.gner_core.corpora.own_corpora import (
    OWN_CORPORA,
    READ,
    SENTENCES,
    columns,
    json_lines,
    rows,
    tab,
)

RECOGNISED = [
    name
    for name, own in OWN_CORPORA.items()
    if own.form["kind"] in ("conll", "jsonl", "word_spans", "text_spans")
    and name not in ("varying columns", "JSON lines, integer tags")
]


@pytest.mark.parametrize("name", RECOGNISED)
def test_the_snippet_reads_the_file(tmp_path: Path, name: str) -> None:
    own = OWN_CORPORA[name]
    (tmp_path / "train.txt").write_bytes(own.files["train.txt"])
    found = recognise(tmp_path / "train.txt")
    (entry,) = yaml.safe_load(found.snippet).values()
    params = CorpusParams.model_validate(entry)
    assert params.labels == {"PER": "person", "LOC": "location", "ORG": "organization"}
    sentences = list(stream_split("own", params, split="train", folder=tmp_path, repairs=Counter()))
    assert [(s.words, s.tags) for s in sentences] == READ
    assert found.statistics["sentences"] == 10
    assert found.repairs == own.repairs
    assert [p for p in found.problems if "all hold tags; the last one" not in p] == []


def test_lines_that_do_not_fit_are_named(tmp_path: Path) -> None:
    lines = rows(tab)
    lines[0][2] = "plays\tO\tO"
    lines[1][1] = "saw\tx"
    (tmp_path / "own.tsv").write_bytes(columns(lines))
    found = recognise(tmp_path / "own.tsv")
    assert [p.partition("own.tsv, ")[2] for p in found.problems[:2]] == [
        "line 3: 3 columns where most lines have 2",
        "line 10: 'x' is no tag",
    ]
    assert found.statistics == {}


def test_many_faults_are_summed_up(tmp_path: Path) -> None:
    lines = [[*sentence, "odd"] for sentence in rows(tab)] * 9
    (tmp_path / "own.tsv").write_bytes(columns(lines))
    problems = recognise(tmp_path / "own.tsv").problems
    assert any("70 more lines like these" in problem for problem in problems)
    assert len(problems) <= 22


def test_integer_tags_need_names(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_bytes(OWN_CORPORA["JSON lines, integer tags"].files["train.txt"])
    with pytest.raises(InputError, match=r"'tags' are integers from 0 to 6.*tag_names"):
        recognise(tmp_path / "own.jsonl")


def test_an_open_question_about_ends_is_said(tmp_path: Path) -> None:
    records = [{"words": list(w), "entities": [[1, 3, "x"]]} for w, _ in SENTENCES if len(w) > 4]
    (tmp_path / "own.jsonl").write_bytes(json_lines(records))
    found = recognise(tmp_path / "own.jsonl")
    assert any("cannot tell whether an entity's end is included" in p for p in found.problems)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("just some words\nin two lines\n", "no column of tags"),
        ('{"text": "no entities"}\n', "neither words with tags nor entities"),
        ("O\tO\nB-x\tB-x\n", "all 2 columns hold tags"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "own.txt").write_text(content)
    with pytest.raises(InputError, match=message):
        recognise(tmp_path / "own.txt")
