import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gner_core.config.corpus import CorpusParams
from gner_core.corpora.prepare import stream_split
from gner_core.errors import InputError
from gner_core.records import Sentence, spans_of

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
    found = list(stream_split("toy", params, split="train", folder=folder, repairs=repairs))
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
        ('{"words": ?\n', JSONL, r"line 1: not valid JSON"),
        ('{"words": \n', JSONL, r"line 2: not valid JSON"),
        ("[1]\n", JSONL, r"line 1: not a JSON object"),
        ('{"words": ["a"], "tags": [], "tags": ["O"]}', JSONL, r"line 1: .*'tags' is there twice"),
        ('[\n{"words": [], "c": {"c": 1, "c": 1}}]', JSONL, r"line 2: .*'c' is there twice in .*1"),
        ('{"7": {"words": []}, "7": {"words": []}}', JSONL, r"line 1: .*'7' is there twice"),
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


def test_in_columns_between_blanks_a_line_of_tabs_and_blanks_is_empty(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a  O\n \t \nb\t O \n")
    sentences, repairs = read(tmp_path, corpus({**TSV, "separator": "space"}))
    assert [s.words for s in sentences] == [("a",), ("b",)]
    assert not repairs


def test_other_white_space_is_part_of_a_token(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a\u00a0b O\n\u2028 O\nc O\n", encoding="utf-8")
    sentences, repairs = read(tmp_path, corpus({**TSV, "separator": "space"}))
    assert sentences[0].words == ("a b", "c")
    assert repairs == {
        "blank tokens dropped": 1,
        "blanks inside or around tokens squeezed": 1,
    }


SPANS = {
    "kind": "text_spans",
    "tokens": "blanks",
    "text_field": "text",
    "entities_field": "entities",
    "entity_keys": ("start", "end", "label"),
    "end_included": False,
}
PUBTATOR = {"kind": "pubtator", "tokens": "blanks"}
TALK = {"kind": "conversations", "tokens": "blanks", "unanswered_types": "drop"}


@pytest.mark.parametrize(
    ("text", "form", "message"),
    [
        ('{"text": "a", "entities": [{"start": 0, "end": 2, "label": "PER"}]}', SPANS, "outside"),
        (
            '{"text": "a", "entities": [{"start": 0, "end": "1", "label": "PER"}]}',
            SPANS,
            "integers",
        ),
        ('{"text": "a", "entities": [[0, 1, "PER"]]}', SPANS, "line 1: entity .* has not 'start'"),
        (
            '{"text": "Ge\\u0301o", "entities": [{"start": 0, "end": 3, "label": "PER", "text": "G\\u00e9o"}]}',
            SPANS,
            "line 1: says .* differ in their Unicode normal form",
        ),
        ('{"text": "\\ud800", "entities": []}', SPANS, "line 1: .* half of a character"),
        (
            '[\n{"text": "a", "entities": []},\n{"text": 1}\n]',
            SPANS,
            "line 3: 'text' must be a text",
        ),
        ('[\n{"text": "a", "entities": []}\n{}]', SPANS, r"line 3: not valid JSON \(no ','"),
        ('[{"text": "a", "entities": []}]\nx', SPANS, "line 2: not valid JSON .*behind the end"),
        ("[" * 100_000, SPANS, "line 1: not valid JSON"),
        (
            "1|t|A\n1|a|B c\n1\t0\t1\tB\tPER\tx\n",
            PUBTATOR,
            "line 3: says 'B' where the text has 'A'",
        ),
        ("1|t|A\n\n", PUBTATOR, "line 1: a title without an abstract"),
        ("1|a|A\n", PUBTATOR, "line 1: an abstract without a title"),
        ("1|t|A\n1|a|B\n2\t0\t1\tA\tPER\tx\n", PUBTATOR, "line 3: annotates '2'"),
        ("1|t|A\n1|a|B\n1\t0\tA\n", PUBTATOR, "line 3: not an entity"),
        ('[{"conversations": [{"from": "gpt", "value": "x"}]}]', TALK, "human, gpt"),
        ('[{"id": 1}]', TALK, "line 1: no field 'conversations'"),
    ],
)
def test_faults_of_other_formats_name_the_line(
    tmp_path: Path, text: str, form: dict[str, Any], message: str
) -> None:
    (tmp_path / "train.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        read(tmp_path, corpus(form))


def test_brat_faults_name_the_file(tmp_path: Path) -> None:
    params = corpus({"kind": "brat", "tokens": "blanks"}, files={"train": ("docs/",)})
    docs = tmp_path / "docs"
    with pytest.raises(InputError, match="no such corpus file"):
        read(tmp_path, params)
    docs.mkdir()
    with pytest.raises(InputError, match=r"no .txt file"):
        read(tmp_path, params)
    (docs / "a.txt").write_text("Ada waves")
    with pytest.raises(InputError, match=r"a.ann: cannot be read"):
        read(tmp_path, params)
    (docs / "a.ann").write_text("T1\tPER 0 3\tAda\nT2\tPER 4 9\twives\n")
    with pytest.raises(InputError, match=r"a.ann, line 2: says 'wives' where the text has 'waves'"):
        read(tmp_path, params)
    (docs / "a.ann").write_text("T1\tPER 0 3\tAda\n")
    (docs / "b.ann").write_text("")
    with pytest.raises(InputError, match=r"b.ann: no .txt file beside"):
        read(tmp_path, params)
    (docs / "b.ann").unlink()
    assert [s.tags for s in read(tmp_path, params)[0]] == [("B-person", "O")]


def test_answers_that_are_no_list_are_counted(tmp_path: Path) -> None:
    def talk(*answers: str) -> list[dict[str, str]]:
        turns = [{"from": "human", "value": "Text: Ada waves"}, {"from": "gpt", "value": "yes"}]
        for answer in answers:
            turns.append({"from": "human", "value": "What describes PER in the text?"})
            turns.append({"from": "gpt", "value": answer})
        return turns

    record = {"conversations": talk('["Ada", 7]', "none", '["Ida"]')}
    (tmp_path / "train.txt").write_text(json.dumps([record]))
    sentences, repairs = read(tmp_path, corpus(TALK))
    assert sentences[0].tags == ("B-person", "O")
    assert repairs == {
        "mentions that are no text left out": 1,
        "answers that are no JSON list left out": 1,
        "mentions not found in their passage left out": 1,
    }


def test_conversations_agree_with_gold(shared: Path) -> None:
    """The published test sentences of CrossNER AI, as questions and as CoNLL columns."""
    gold, _ = read(
        shared / "datasets",
        corpus(
            TSV, files={"train": ("crossner_ai/test.txt",)}, labels="open", labels_to_o=("misc",)
        ),
    )
    asked, _ = read(
        shared / "datasets",
        corpus(
            TALK,
            files={"train": ("uniner-conversations/crossner_ai-first650.json",)},
            labels={
                **{name: name for s in gold for name in s.types},
                "organization": "organisation",
                "program language": "programlang",
            },
        ),
    )
    by_words = {s.words: set(spans_of(s.tags)) for s in gold}
    found = [(set(spans_of(s.tags)), by_words[s.words]) for s in asked]
    assert len(found) == 50
    assert sum(len(a & b) for a, b in found) == 187
    assert sum(len(a - b) for a, b in found) == 0
    assert sum(len(b - a) for a, b in found) == 1  # nested in another answer
