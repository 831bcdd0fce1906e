"""The traps of the published corpora, each in ten rows of our own that have it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gner_core.corpora.prepare import stream_split
from gner_core.errors import InputError
from gner_core.records import Sentence, spans_of
from tests.gner_core.corpora.own_corpora import (
    LABELS,
    OWN_CORPORA,
    READ,
    SENTENCES,
    Files,
    OwnCorpus,
    as_text,
    columns,
    conll,
    json_lines,
    rows,
    tab,
)


def read(
    folder: Path, form: dict[str, Any], files: Files, **changes: Any
) -> tuple[list[Sentence], Counter[str]]:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    own = OwnCorpus(form, files, {}, entry=next(iter(files)))
    repairs: Counter[str] = Counter()
    params = own.params(**{"changed_at_most": 1.0, **changes})
    return list(
        stream_split("trap", params, split="train", folder=folder, repairs=repairs)
    ), repairs


def entities(sentences: list[Sentence]) -> list[tuple[str, str]]:
    return [
        (" ".join(s.words[x.start : x.end]), x.label) for s in sentences for x in spans_of(s.tags)
    ]


def test_crossner_labels_are_run_together_and_misc_becomes_o(tmp_path: Path) -> None:
    published = {"PER": "musicalartist", "LOC": "misc", "ORG": "organisation"}
    lines = rows(lambda word, tag: tab(word, tag[:2] + published[tag[2:]] if tag != "O" else "O"))
    labels = {"musicalartist": "musical artist", "organisation": "organization"}
    found, repairs = read(
        tmp_path,
        conll("tab", 2),
        {"train.txt": columns(lines)},
        labels=labels,
        labels_to_o=("misc",),
    )
    assert [s.words for s in found] == [words for words, _ in READ]
    assert Counter(label for _, label in entities(found)) == {
        "musical artist": 5,
        "organization": 2,
    }
    assert found[0].types == ("musical artist", "organization")
    assert not repairs


def test_mit_has_tags_before_tokens_and_labels_in_capitals(tmp_path: Path) -> None:
    published = {"PER": "ACTOR", "LOC": "RATINGS_AVERAGE", "ORG": "Restaurant_Name"}
    lines = rows(lambda word, tag: f"{tag[:2] + published[tag[2:]] if tag != 'O' else 'O'}\t{word}")
    names = {"ACTOR": "actor", "RATINGS_AVERAGE": "average ratings", "Restaurant_Name": "place"}
    found, _ = read(
        tmp_path,
        conll("tab", 2, token_column=1, tag_column=0),
        {"train.txt": columns(lines)},
        labels=names,
    )
    assert entities(found)[:2] == [("Greta Lindqvist", "actor"), ("Oslo", "average ratings")]


def test_broad_twitter_has_blank_tokens_and_tokens_that_end_in_a_blank(tmp_path: Path) -> None:
    lines = rows(tab)
    lines[1].insert(2, "\tO")
    lines[4][0] = lines[4][0].replace("Per", "Per ")
    lines[7].insert(0, " \tO")
    lines.append([" \tO"])
    content = columns(lines).replace(b"\n\n", b"\n \n", 1)
    found, repairs = read(tmp_path, conll("tab", 2), {"train.txt": content})
    assert [(s.words, s.tags) for s in found] == READ
    assert repairs == {
        "blank tokens dropped": 3,
        "blanks inside or around tokens squeezed": 1,
        "sentences without words dropped": 1,
    }


def test_pile_ner_tags_hold_blanks_and_some_entities_start_with_i(tmp_path: Path) -> None:
    published = {"PER": "chess player", "LOC": "field of study", "ORG": "ORG"}
    lines = rows(lambda word, tag: tab(word, tag[:2] + published[tag[2:]] if tag != "O" else "O"))
    lines[0][5] = "Oslo\tI-field of study"
    lines[4][1] = "Dahl\tI-field of study"
    found, repairs = read(tmp_path, conll("tab", 2), {"train.txt": columns(lines)}, labels="open")
    assert found[0].types == ("chess player", "field of study")
    assert entities(found)[1] == ("Oslo", "field of study")
    assert found[4].tags[:2] == ("B-chess player", "B-field of study")
    assert repairs == {"I- without B- turned into B-": 2}


def test_tweetner7_tokens_hold_blanks_and_stay_one_word(tmp_path: Path) -> None:
    tags = ["O", "B-PER", "I-PER", "B-LOC"]
    record = {"tokens": ["{@Greta  Lindqvist@}", "in", "{@New Oslo.@}"], "tags": [1, 0, 3]}
    form = {**OWN_CORPORA["JSON lines, integer tags"].form, "tag_names": tags}
    found, repairs = read(tmp_path, form, {"train.txt": json_lines([record] * 10)})
    assert len(found) == 10
    assert found[9].words == ("{@Greta Lindqvist@}", "in", "{@New Oslo.@}")
    assert entities(found)[:2] == [
        ("{@Greta Lindqvist@}", "person"),
        ("{@New Oslo.@}", "location"),
    ]
    assert repairs == {"blanks inside or around tokens squeezed": 10}


def test_wikineural_has_three_columns_and_orphans(tmp_path: Path) -> None:
    lines = rows(lambda word, tag: f"0\t{word}\t{tag.replace('B-LOC', 'I-LOC')}")
    found, repairs = read(tmp_path, conll("tab", 3, token_column=1), {"train.txt": columns(lines)})
    # Two places side by side become one: nothing in the file tells them apart any more.
    assert entities(found)[2] == ("Bergen Voss", "location")
    assert len(found) == 10
    assert repairs == {"I- without B- turned into B-": 5}


def test_findvehicle_has_windows_line_ends_and_hyphens_in_labels(tmp_path: Path) -> None:
    published = {"PER": "vehicle_type-suv", "LOC": "vehicle_range-long-haul", "ORG": "ORG"}
    lines = rows(lambda word, tag: tab(word, tag[:2] + published[tag[2:]] if tag != "O" else "O"))
    found, _ = read(
        tmp_path, conll("tab", 2), {"train.txt": columns(lines, end="\r\n")}, labels="open"
    )
    assert len(found) == 10
    assert found[0].types == ("vehicle_type-suv", "vehicle_range-long-haul")
    assert found[0].words[-1] == "."


def test_findvehicle_entities_overlap(tmp_path: Path) -> None:
    text = "A red Volvo estate car waits."
    places = [[2, 22, "vehicle"], [6, 11, "brand"], [2, 5, "colour"], [2, 22, "object"]]
    records = [{"text": text, "label": places}] * 10
    form = {**OWN_CORPORA["positions of characters"].form, "tokens": "words"}
    found, repairs = read(tmp_path, form, {"train.txt": json_lines(records)}, labels="open")
    assert entities(found) == [("red Volvo estate car", "vehicle")] * 10
    assert found[0].words[-2:] == ("waits", ".")
    assert repairs == {
        "overlapping entities left out": 20,
        "second labels of the same words left out": 10,
    }


def test_pubtator_mentions_are_nested_overlapping_repeated_and_composite(tmp_path: Path) -> None:
    title, abstract = "Tea and kidney and/or liver failure.", "Tea-induced liver failure."
    lines = [
        "0\t8\t35\tkidney and/or liver failure\tORG\tD1|D2\tkidney failure|liver failure",
        "0\t22\t35\tliver failure\tORG\tD2",
        "0\t0\t3\tTea\tPER\tC1",
        "0\t0\t3\tTea\tPER\tC9",
        "0\t37\t40\tTea\tPER\tC1",
        "0\t49\t62\tliver failure\tORG\tD2",
        "0\tCID\tC1\tD2",
    ]
    document = "\n".join([f"0|t|{title}", f"0|a|{abstract}", *lines]) + "\n\n"
    content = "".join(
        document.replace("0|", f"{n}|").replace("\n0\t", f"\n{n}\t") for n in range(10)
    )
    form = {"kind": "pubtator", "tokens": "words"}
    found, repairs = read(tmp_path, form, {"train.txt": content.encode()})
    assert len(found) == 10
    assert entities(found[:1]) == [
        ("Tea", "person"),
        ("kidney and/or liver failure", "organization"),
        ("Tea", "person"),
        ("liver failure", "organization"),
    ]
    assert repairs == {
        "annotations other than entities passed over": 10,
        "composite entities kept as one": 10,
        "overlapping entities left out": 10,
        "repeated entities left out": 10,
        "words split where an entity ends in them": 10,
    }
    by_blanks, repairs = read(
        tmp_path, {**form, "tokens": "blanks"}, {"train.txt": content.encode()}
    )
    assert ("Tea-induced", "person") in entities(by_blanks)
    assert repairs["entities widened to whole words"] == 30


def test_brat_entities_in_pieces_are_left_out_unless_only_a_line_ends_between(
    tmp_path: Path,
) -> None:
    files: Files = {"corpus/": b""}
    for number in range(10):
        files[f"corpus/{number}.txt"] = b"The upper\nand lower jaw\nbone ached.\n"
        files[f"corpus/{number}.ann"] = (
            b"T1\tORG 4 9;20 23\tupper jaw\nT2\tORG 14 23;24 28\tlower jaw bone\n"
            b"R1\tPart Arg1:T1 Arg2:T2\t\n#1\tNote T1\tlike this\n"
        )
    del files["corpus/"]
    own = OwnCorpus({"kind": "brat", "tokens": "blanks"}, files, {}, entry="corpus/")
    params = own.params(changed_at_most=1.0)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    repairs: Counter[str] = Counter()
    found = list(stream_split("trap", params, split="train", folder=tmp_path, repairs=repairs))
    assert entities(found) == [("lower jaw bone", "organization")] * 10
    assert repairs == {
        "annotations other than entities passed over": 20,
        "discontinuous entities left out": 10,
    }
    half = params.model_copy(update={"changed_at_most": 0.49})
    with pytest.raises(InputError, match=r"50.0% of 20 entities .*10 discontinuous entities"):
        list(stream_split("trap", half, split="train", folder=tmp_path, repairs=Counter()))


def test_passages_hold_line_breaks_and_mentions_are_found_verbatim(tmp_path: Path) -> None:
    records = [
        {"input": text.replace(" ", "\n", 2), "tagName": label, "output": json.dumps(found)}
        for text, places in map(as_text, SENTENCES)
        for label in LABELS
        for found in [[text[start:end] for start, end, name in places if name == label]]
    ]
    form = OWN_CORPORA["answers"].form
    found, repairs = read(tmp_path, form, {"train.txt": json_lines(records)})
    assert [s.words for s in found] == [words for words, _ in READ]
    # A mention with a line break in it is not verbatim in the passage any more.
    assert repairs["mentions not found in their passage left out"] == 3
    assert len(entities(found)) == sum(len(spans_of(tags)) for _, tags in READ) - 3


@pytest.mark.parametrize(("unanswered", "types"), [("keep", 3), ("drop", 2)])
def test_types_without_an_answer_may_be_asked_for(
    tmp_path: Path, unanswered: str, types: int
) -> None:
    own = OWN_CORPORA["conversations"]
    form = {**own.form, "unanswered_types": unanswered}
    found, _ = read(tmp_path, form, own.files, labels="open")
    assert len(found[0].types) == types


@pytest.mark.parametrize("unanswered", ["keep", "drop"])
def test_a_piece_of_a_cut_passage_may_be_asked_for_the_types_of_the_whole(
    tmp_path: Path, unanswered: str
) -> None:
    text = "Ada Moe plays chess . Oslo is cold ."
    answers = {"PER": '["Ada Moe"]', "LOC": '["Oslo"]', "ORG": "[]"}
    records = [{"input": text, "tagName": label, "output": a} for label, a in answers.items()]
    form = {**OWN_CORPORA["answers"].form, "unanswered_types": unanswered}
    found, _ = read(
        tmp_path, form, {"train.txt": json_lines(records)}, labels="open", cut_at_words=5
    )
    assert entities(found) == [("Ada Moe", "PER"), ("Oslo", "LOC")]
    asked = [("PER", "LOC", "ORG"), ("LOC", "PER", "ORG")]
    assert [s.types for s in found] == (asked if unanswered == "keep" else [("PER",), ("LOC",)])


def test_a_sign_that_only_some_take_for_a_line_end_stays_inside_its_token(tmp_path: Path) -> None:
    lines = rows(tab)
    lines[0][3] = "chess\rboard\tO"
    lines[1][0] = "No\u2028body\tO"
    found, repairs = read(tmp_path, conll("tab", 2), {"train.txt": columns(lines)})
    assert len(found) == 10
    assert found[0].words[3] == "chess board" and found[1].words[0] == "No body"
    assert repairs == {"blanks inside or around tokens squeezed": 2}
