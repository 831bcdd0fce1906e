"""Splits that are made from another one: drawn out of it, or the same."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gner_core.config.corpus import CorpusParams, Split
from gner_core.corpora.splits import stream_any_split
from gner_core.corpora.statistics import compare_with_table8, count
from gner_core.errors import InputError
from gner_core.records import Sentence

TAKEN = {"rule": "taken_out", "of": "train", "sentences": 6, "seed": 1}


def corpus(**changes: Any) -> CorpusParams:
    return CorpusParams.model_validate(
        {
            "files": {"train": ["train.tsv"], "test": ["test.tsv"]},
            "made": {"valid": TAKEN},
            "format": {
                "kind": "conll",
                "scheme": "bio",
                "separator": "tab",
                "columns": 2,
                "token_column": 0,
                "tag_column": 1,
            },
            "labels": {"PER": "person"},
            "labels_to_o": [],
            "cut_at_words": None,
            "licence": "CC0-1.0",
            "origin": "made here",
            **changes,
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = [f"Ada{n % 18}" for n in range(20)]  # Ada0 and Ada1 stand there twice
    (tmp_path / "train.tsv").write_text("".join(f"{t}\tB-PER\nwaves\tO\n\n" for t in texts))
    (tmp_path / "test.tsv").write_text("Bob\tB-PER\n\nCleo\tB-PER\n")
    return tmp_path


def read(params: CorpusParams, folder: Path, split: Split) -> list[Sentence]:
    return list(stream_any_split("toy", params, split=split, folder=folder, repairs=Counter()))


def names(sentences: list[Sentence]) -> list[str]:
    return [s.words[0] for s in sentences]


def test_what_is_taken_out_is_no_longer_there(folder: Path) -> None:
    valid, train = read(corpus(), folder, "valid"), read(corpus(), folder, "train")
    assert (len(valid), len(train)) == (6, 14)
    assert not set(names(valid)) & set(names(train))
    assert valid[0].id == "toy/valid/0"
    assert len(read(corpus(), folder, "test")) == 2


def test_the_draw_depends_on_seed_and_content_not_on_order(folder: Path) -> None:
    drawn = sorted(names(read(corpus(), folder, "valid")))
    other = corpus(made={"valid": {**TAKEN, "seed": 2}})
    assert sorted(names(read(other, folder, "valid"))) != drawn
    blocks = (folder / "train.tsv").read_text().split("\n\n")
    (folder / "train.tsv").write_text("\n\n".join(reversed(blocks)).lstrip("\n"))
    assert sorted(names(read(corpus(), folder, "valid"))) == drawn


def test_two_splits_can_be_taken_out_of_one(folder: Path) -> None:
    params = corpus(
        files={"train": ["train.tsv"]},
        made={"valid": TAKEN, "test": {**TAKEN, "sentences": 5, "seed": 2}},
    )
    parts = {split: names(read(params, folder, split)) for split in params.splits}
    assert {split: len(part) for split, part in parts.items()} == {
        "train": 9,
        "valid": 6,
        "test": 5,
    }
    assert not set(parts["valid"]) & set(parts["test"])
    assert not set(parts["train"]) & {*parts["valid"], *parts["test"]}


def test_a_split_may_be_the_same_as_another_one(folder: Path) -> None:
    params = corpus(made={"valid": {"rule": "same_as", "of": "test"}})
    assert names(read(params, folder, "valid")) == names(read(params, folder, "test"))
    assert read(params, folder, "valid")[0].id == "toy/valid/0"


def test_more_than_there_is_cannot_be_taken_out(folder: Path) -> None:
    params = corpus(made={"valid": {**TAKEN, "sentences": 20}})
    with pytest.raises(InputError, match="toy: valid: 20 of 20 sentences cannot be taken out"):
        read(params, folder, "valid")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"made": {"test": TAKEN}}, "made: test has files"),
        ({"made": {"valid": {**TAKEN, "of": "valid"}}}, "valid is of 'valid', which has no files"),
        (
            {"pins": {"x.tsv": {"sha256": "0" * 64, "bytes": 1}}},
            "'x.tsv', which is not among files",
        ),
    ],
)
def test_a_rule_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        corpus(**changes)


def test_differences_to_table_8_come_with_their_reason(folder: Path) -> None:
    params = corpus(
        table8={"train": 20, "valid": 2, "test": 2, "types": 1},
        deviations={"train": "6 are taken out"},
    )
    statistics = {split: count(read(params, folder, split)) for split in params.splits}
    rows = {row.what: row for row in compare_with_table8("toy", params, statistics)}
    assert (rows["train"].paper, rows["train"].here) == (20, 14)
    assert rows["train"].reason == "6 are taken out"
    assert rows["valid"].differs and rows["valid"].reason is None
    assert not rows["test"].differs and not rows["types"].differs
