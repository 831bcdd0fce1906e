from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gner_core.corpora.prepare import read_split
from gner_core.corpus_params import CorpusParams
from gner_core.errors import InputError
from gner_core.records import Sentence

TSV = {
    "kind": "conll",
    "scheme": "bio",
    "separator": "tab",
    "columns": 2,
    "token_column": 0,
    "tag_column": 1,
}
JSONL = {"kind": "jsonl", "scheme": "bio", "words_field": "words", "tags_field": "tags"}


def corpus(form: dict[str, Any] | None = None, **changes: Any) -> CorpusParams:
    values: dict[str, Any] = {
        "files": {"train": ("train.txt",)},
        "format": form or TSV,
        "labels": {"PER": "person", "LOC": "location"},
        "labels_to_o": ("MISC",),
        "cut_at_words": None,
        "licence": "CC0-1.0",
        "origin": "made here",
    }
    return CorpusParams.model_validate({**values, **changes})


def read(folder: Path, params: CorpusParams) -> tuple[list[Sentence], Counter[str]]:
    repairs: Counter[str] = Counter()
    found = read_split("toy", params, split="train", folder=folder, repairs=repairs)
    return found, repairs


def test_tab_columns_labels_and_dropped_labels(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(
        "Ada\tB-PER\nLovelace\tI-PER\nin\tO\nRome\tB-LOC\n\nSaturday\tB-MISC\n", encoding="utf-8"
    )
    sentences, repairs = read(tmp_path, corpus())
    assert [s.id for s in sentences] == ["toy/train/0", "toy/train/1"]
    assert sentences[0].words == ("Ada", "Lovelace", "in", "Rome")
    assert sentences[0].tags == ("B-person", "I-person", "O", "B-location")
    assert sentences[0].types == ("person", "location")
    assert sentences[1].tags == ("O",)
    assert not repairs


def test_tag_first_columns_and_windows_line_ends(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes(b"\xef\xbb\xbfO\tin\r\nB-LOC\tRome\r\n\r\n\r\nO\tx\r\n")
    form = {**TSV, "token_column": 1, "tag_column": 0}
    sentences, _ = read(tmp_path, corpus(form))
    assert [s.words for s in sentences] == [("in", "Rome"), ("x",)]


def test_space_separated_columns_with_the_tag_last(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("EU NNP I-NP B-LOC\nrejects VBZ I-VP O\n")
    form = {**TSV, "separator": "space", "columns": 4, "tag_column": 3}
    sentences, _ = read(tmp_path, corpus(form))
    assert sentences[0].tags == ("B-location", "O")


def test_blank_tokens_and_orphan_inside_tags_are_mended_and_counted(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("\tO\n \tO\nup \tO\nRome\tI-LOC\nAda\tI-PER\nb\tI-PER\n")
    sentences, repairs = read(tmp_path, corpus())
    assert sentences[0].words == ("up", "Rome", "Ada", "b")
    assert sentences[0].tags == ("O", "B-location", "B-person", "I-person")
    assert repairs == {
        "blank tokens dropped": 2,
        "blanks inside or around tokens squeezed": 1,
        "I- without B- turned into B-": 2,
    }


def test_a_blank_line_separates_and_a_sentence_without_words_is_counted(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a\tO\n \n\tO\n\nb\tO\n")
    sentences, repairs = read(tmp_path, corpus())
    assert [s.words for s in sentences] == [("a",), ("b",)]
    assert repairs == {"blank tokens dropped": 1, "sentences without words dropped": 1}


def test_open_labels_keep_blanks_and_hyphens(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("tractor\tB-vehicle_type-farm use\nidle\tO\n")
    sentences, _ = read(tmp_path, corpus(labels="open"))
    assert sentences[0].tags == ("B-vehicle_type-farm use", "O")
    assert sentences[0].types == ("vehicle_type-farm use",)


def test_long_passages_are_cut_at_sentence_ends_and_no_entity_is_cut(tmp_path: Path) -> None:
    passage = "A b . C d . E f ! St . John waits ."
    tags = ["O"] * 14
    tags[9:12] = ["B-PER", "I-PER", "I-PER"]
    rows = [f"{w}\t{t}\n" for w, t in zip(passage.split(), tags, strict=True)]
    (tmp_path / "train.txt").write_text("".join(rows))
    sentences, repairs = read(tmp_path, corpus(cut_at_words=6))
    assert [" ".join(s.words) for s in sentences] == ["A b . C d .", "E f !", "St . John waits ."]
    assert repairs == {"passages cut into pieces": 1, "pieces of cut passages": 3}
    assert sum((s.words for s in sentences), ()) == tuple(passage.split())


def test_json_lines(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text('{"words": ["Ada"], "tags": ["B-PER"], "more": 1}\n\n')
    sentences, _ = read(tmp_path, corpus(JSONL))
    assert sentences[0].tags == ("B-person",)


@pytest.mark.parametrize(
    ("text", "form", "message"),
    [
        ("a\tO\nb\n", TSV, r"train.txt, line 2: 1 tab-separated columns where 2 were expected"),
        ("a\tO\nb\tO\tO\n", TSV, r"line 2: 3 tab-separated columns"),
        ("a\tX-PER\n", TSV, r"line 1: unknown tag 'X-PER'; expected O, B-<label> or I-<label>"),
        ("a\tB-\n", TSV, r"line 1: unknown tag 'B-'"),
        ("a\tO\n\nb\tB-ORG\n", TSV, r"line 3: label 'ORG' is not in .* labels: PER, LOC, MISC"),
        ("", TSV, r"train.txt: no sentence found for toy, split train"),
        ("\n\n", TSV, r"no sentence found"),
        ('{"words": ["a"]}\n', JSONL, r"line 1: no field 'tags'; there are: words"),
        ('{"words": ["a"], "tags": []}\n', JSONL, r"line 1: 1 words but 0 tags"),
        ('{"words": \n', JSONL, r"line 1: not valid JSON"),
        ("[1]\n", JSONL, r"line 1: not a JSON object"),
    ],
)
def test_faults_name_file_and_line(
    tmp_path: Path, text: str, form: dict[str, Any], message: str
) -> None:
    (tmp_path / "train.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        read(tmp_path, corpus(form))


def test_wrong_encoding_and_missing_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes(b"a\tO\ncaf\xe9\tO\n")
    with pytest.raises(InputError, match=r"train.txt, line 2: not UTF-8"):
        read(tmp_path, corpus())
    with pytest.raises(InputError, match=r"none.txt: no such corpus file"):
        read(tmp_path, corpus(files={"train": ("none.txt",)}))
