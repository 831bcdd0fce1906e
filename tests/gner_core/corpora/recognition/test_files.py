"""Which files of a folder are which split, what is left out, and what splits do not share."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gner_core.corpora.recognition.draft import Draft, draft_corpus
from gner_core.corpora.recognition.files import corpus_files
from gner_core.errors import InputError

TABLE = "Ida{n}\tB-{per}\nin\tO\nVoss\tB-{loc}\n\n"


def table(sentences: int, per: str = "PER", loc: str = "LOC") -> str:
    return "".join(TABLE.format(n=f"{sentences}-{n}", per=per, loc=loc) for n in range(sentences))


def draft(folder: Path, files: Mapping[str, str]) -> Draft:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    base, splits, left_out = corpus_files([folder])
    return draft_corpus(base, splits, name="own", seed=1, changed_at_most=0.01, left_out=left_out)


def test_files_named_as_splits_are_these_splits_whatever_their_ending(tmp_path: Path) -> None:
    drafted = draft(tmp_path, {"train.tsv": table(20), "test.conll": table(5)})
    assert drafted.found.params.files == {"train": ("train.tsv",), "test": ("test.conll",)}
    assert drafted.sentences == {"train": 18, "valid": 2, "test": 5}
    assert drafted.doubts == []


def test_files_of_two_forms_are_named(tmp_path: Path) -> None:
    record = '{"words": ["Ida"], "tags": ["B-PER"]}\n'
    with pytest.raises(InputError, match=r"test.jsonl, line 1(.|\n)*files end in .jsonl, .tsv"):
        draft(tmp_path, {"train.tsv": table(20), "test.jsonl": record})


@pytest.mark.parametrize(
    ("others", "left_out"),
    [
        (["extra.tsv"], "extra.tsv"),
        (["test.conll", "a/extra.tsv"], "a/extra.tsv, test.conll"),
        (["test.csv", "test-labels.txt"], "test-labels.txt, test.csv"),
        (["README.md", ".test.tsv", "labels.txt"], None),
    ],
)
def test_a_file_that_is_left_out_is_named(
    tmp_path: Path, others: list[str], left_out: str | None
) -> None:
    files = {"train.tsv": table(20), "test.tsv": table(5), **dict.fromkeys(others, table(1))}
    drafted = draft(tmp_path, files)
    assert drafted.found.params.files == {"train": ("train.tsv",), "test": ("test.tsv",)}
    said = f"left out: {left_out}; give files by name to use them"
    assert drafted.doubts == [said] * (left_out is not None)


def test_a_test_file_alone_is_trained_on_and_told(tmp_path: Path) -> None:
    drafted = draft(tmp_path, {"test.conll": table(20)})
    assert drafted.found.params.files == {"train": ("test.conll",)}
    assert drafted.doubts == ["test.conll: trained on, though its name says test; give others, too"]


def test_folders_of_brat_named_as_splits_are_these_splits(tmp_path: Path) -> None:
    files = {
        f"{split}/{n}{end}": content
        for split, number in (("train", 9), ("test", 3), ("more", 1))
        for n in range(number)
        for end, content in ((".txt", f"Ida{split}{n} ran."), (".ann", "T1\tPER 0 3\tIda\n"))
    }
    drafted = draft(tmp_path, files)
    assert drafted.found.params.files == {"train": ("train/",), "test": ("test/",)}
    assert drafted.doubts[0] == "left out: more; give files by name to use them"


@pytest.mark.parametrize(("per", "loc"), [("per", "loc"), ("person", "location")])
def test_labels_of_two_splits_are_one_type_where_they_mean_one(
    tmp_path: Path, per: str, loc: str
) -> None:
    drafted = draft(tmp_path, {"train.tsv": table(20), "test.tsv": table(5, per, loc)})
    labels = drafted.found.params.labels
    assert labels == {"PER": "person", "LOC": "location", per: "person", loc: "location"}
    assert [doubt.partition(";")[0] for doubt in drafted.doubts] == [
        f"several labels are one type, location: LOC (train), {loc} (test)",
        f"several labels are one type, person: PER (train), {per} (test)",
    ]


def test_types_that_no_model_learns_are_named(tmp_path: Path) -> None:
    drafted = draft(tmp_path, {"train.tsv": table(20), "test.tsv": table(5, "human")})
    assert [doubt.partition(";")[0] for doubt in drafted.doubts] == [
        "1 of 2 types of test are not in train, so that no model learns them: human (5)"
    ]
