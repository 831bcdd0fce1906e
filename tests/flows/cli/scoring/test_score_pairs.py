"""`gner score GOLD PREDICTED`: every predicted entity counts, and what is doubtful is said."""

import json
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from typer.testing import CliRunner, Result

from flows.cli.main import app

GOLD = "Ada\tB-PER\nvisited\tO\nNew\tB-LOC\nYork\tI-LOC\n.\tO\n\nKarl\tB-PER\nstayed\tO\n"
TEXTS = ("Ada visited New York.", "Karl stayed")
ADA, NEW_YORK = (0, 3, "person"), (12, 20, "location")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments], env={"COLUMNS": "300"})


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    """Two sentences with three entities."""
    (tmp_path / "gold.tsv").write_text(GOLD)
    return tmp_path / "gold.tsv"


def predicted(
    folder: Path, *entities: tuple[Any, ...], texts: tuple[str, ...] = TEXTS, **more: str
) -> str:
    """A file of predicted texts, the first of which has entities."""
    keys = ("start", "end", "label")
    listed = [{**dict(zip(keys, one, strict=True)), **more} for one in entities]
    rows = [{"text": text, "entities": listed * (text is texts[0])} for text in texts]
    file = folder / "p.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(file)


@pytest.mark.parametrize(
    ("entity", "fault"),
    [
        ((500, 510, "person"), "its text has the characters 0 to 21"),
        ((3, 3, "person"), "an entity ends behind its start"),
        ((7, 4, "person"), "an entity ends behind its start"),
        ((-3, 3, "person"), "its text has the characters 0 to 21"),
        ((3, 4, "person"), "begins or ends with a blank: ' '"),
        ((12, 21, ""), "a type has a name, not O"),
        ((4, 11, "O"), "a type has a name, not O"),
        (ADA, "is entity 1 once more; list it once"),
    ],
)
def test_an_entity_that_its_text_cannot_have_is_named(
    gold: Path, entity: tuple[Any, ...], fault: str
) -> None:
    result = run("score", str(gold), predicted(gold.parent, ADA, entity), "--workers", "1")
    assert result.exit_code == 2
    assert f"p.jsonl, line 1, entity 2 ({entity[0]} to {entity[1]}, {entity[2]!r})" in result.stderr
    assert fault in result.stderr


def test_the_text_of_an_entity_must_be_that_of_its_characters(gold: Path) -> None:
    """As it is not where positions count UTF-16 units, of which a sign may have two."""
    result = run("score", str(gold), predicted(gold.parent, ADA, text="NOPE"), "--workers", "1")
    assert result.exit_code == 2
    assert "its text is 'NOPE', but 0 to 3 is 'Ada'; positions count characters" in result.stderr
    right = predicted(gold.parent, ADA, text="Ada")
    assert run("score", str(gold), right, "--workers", "1").exit_code == 0


@pytest.mark.parametrize(
    ("entities", "texts", "counts"),
    [
        ((ADA, NEW_YORK), TEXTS, (2, 2)),
        ((ADA, NEW_YORK, (16, 20, "person")), TEXTS, (3, 2)),
        ((ADA, (16, 20, "person"), NEW_YORK), TEXTS, (3, 2)),
        ((ADA, (0, 11, "location"), NEW_YORK), TEXTS, (3, 2)),
        ((ADA, NEW_YORK, (12, 20, "person")), TEXTS, (3, 2)),
        ((ADA, (12, 26, "location")), (" ".join(TEXTS),), (2, 1)),  # in the next sentence, too
    ],
)
def test_every_listed_entity_is_predicted(
    gold: Path, entities: tuple[Any, ...], texts: tuple[str, ...], counts: tuple[int, int]
) -> None:
    """Also those that share words, in any order, and one over the end of a sentence."""
    file = predicted(gold.parent, *entities, texts=texts)
    metrics = ("--metric", "span", "--metric", "pair", "--metric", "partial", "--errors")
    result = run("score", str(gold), file, *metrics, "--json", "--workers", "1")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    for metric in ("span", "pair"):
        assert (found[metric]["micro"]["predicted"], found[metric]["micro"]["right"]) == counts
    strict = found["partial"]["gold"]["strict"]
    assert (strict["actual"], strict["correct"]) == counts
    assert found["errors"]["gold"]["counts"]["predicted"] == counts[0]


def test_types_that_do_not_meet_are_named(gold: Path) -> None:
    other = gold.with_name("pred.tsv")
    other.write_text(GOLD.replace("LOC", "place").replace("PER", "human"))
    result = run("score", str(gold), str(other), "--workers", "1")
    line = "2 of 2 predicted types occur in no gold: human, place; the gold has LOC, PER"
    assert line in result.stdout
    as_json = run("score", str(gold), str(other), "--workers", "1", "--json")
    assert line in as_json.stderr
    assert json.loads(as_json.stdout)["pair"]["micro"]["f1"] == 0


def test_plain_names_and_normal_forms_of_types_meet(gold: Path) -> None:
    own = GOLD.replace("LOC", "société")
    gold.write_text(normalize("NFC", own))
    other = gold.with_name("pred.tsv")
    other.write_text(normalize("NFD", own).replace("PER", "Person"))
    texts = predicted(gold.parent, ADA, (12, 20, normalize("NFD", "société")), (22, 26, "PERSON"),
                      texts=(" ".join(TEXTS),))  # fmt: skip
    for file in (str(other), texts):
        result = run("score", str(gold), file, "--metric", "span", "--json", "--workers", "1")
        assert json.loads(result.stdout)["span"]["micro"]["f1"] == 1
        assert result.stderr == ""


def test_words_in_another_normal_form_are_named_as_such(gold: Path) -> None:
    gold.write_text(normalize("NFC", GOLD.replace("Ada", "Zoë")))
    other = gold.with_name("pred.tsv")
    other.write_text(normalize("NFD", gold.read_text()))
    texts = predicted(gold.parent, texts=(normalize("NFD", "Zoë visited New York."), TEXTS[1]))
    for file in (str(other), texts):
        result = run("score", str(gold), file, "--workers", "1")
        assert result.exit_code == 2
        assert "the two differ in Unicode normal form only" in result.stderr


def test_what_reading_the_gold_left_open_is_said(tmp_path: Path) -> None:
    nested = tmp_path / "nested.tsv"
    nested.write_text(
        "Uni\tB-ORG\tO\nof\tI-ORG\tO\nRome\tI-ORG\tB-LOC\nAda\tB-PER\tO\nsaw\tO\tO\nx\tB-MISC\tO\n"
    )
    for more in ((), ("--json",)):
        result = run("score", str(nested), str(nested), "--workers", "1", *more)
        assert "columns [1, 2] all hold tags" in (result.stderr if more else result.stdout)


@pytest.mark.parametrize("metric", ["pair", "span", "partial"])
def test_a_type_is_left_out_whatever_its_capitals(gold: Path, metric: str) -> None:
    given = ("--metric", metric, "--json", "--workers", "1")
    result = run("score", str(gold), str(gold), *given, "--leave-out", "per")
    found = json.loads(result.stdout)[metric]
    left = found["gold"]["strict"]["possible"] if metric == "partial" else found["micro"]["gold"]
    assert left == 1
    refused = run("score", str(gold), str(gold), *given, "--leave-out", "Lok")
    assert refused.exit_code == 2
    assert (
        "--leave-out 'Lok': no such type; did you mean LOC?; there are: LOC, PER" in refused.stderr
    )


def test_types_that_pair_does_not_tell_apart_are_named(gold: Path) -> None:
    gold.write_text(GOLD.replace("PER", "C++").replace("LOC", "C#"))
    other = gold.with_name("pred.tsv")
    other.write_text(GOLD.replace("PER", "C#").replace("LOC", "C++"))
    line = "pair takes for one type: C#, C++"
    assert line in run("score", str(gold), str(other), "--workers", "1").stdout
    given = ("--metric", "span", "--workers", "1")
    assert line not in run("score", str(gold), str(other), *given).stdout
