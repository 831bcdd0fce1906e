"""`gner score`, `gner compare` and `gner bench matching`: what is printed, JSON, exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from flows.cli.main import app

WORDS = ["Ada", "of", "New", "York", "waits"]
LABELS = ["B-person", "O", "B-city", "I-city", "O"]
GOOD = "Ada(B-person) of(O) New(B-city) York(I-city) waits(O)"
TEXTS = {"good": [GOOD, GOOD], "bad": [GOOD, "Ada(B-city) of(O) New(B-city) waits(O)"]}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Two files for the same two sentences."""
    paths = {}
    for name, texts in TEXTS.items():
        records: list[dict[str, Any]] = [
            {
                "dataset": f"[{corpus}]",
                "label_list": ["person", "city", "misc"],
                "instance": {"words": WORDS, "labels": LABELS},
                "prediction": text,
            }
            for corpus, text in zip(("one", "two"), texts, strict=True)
        ]
        file = tmp_path / f"{name}.jsonl"
        file.write_text("".join(json.dumps(record) + "\n" for record in records))
        paths[name] = str(file)
    return paths


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "120"})


def test_a_table_per_metric_with_intervals(files: dict[str, str]) -> None:
    result = run("score", files["bad"], "--metric", "pair", "--metric", "span", "--metric", "partial",
                 "--types", "--errors", "--workers", "1")  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = {tuple(line.split()) for line in result.output.splitlines()}
    # the second sentence: Ada has the wrong type, New York lacks a word
    assert ("[two]", "1", "2", "2", "0", "0.00", "0.00", "0.00", "0.0–0.0") in lines
    assert ("[two]", "person", "city", "1") in lines
    assert "ent_type" in result.output
    assert "words omitted" in result.output


def test_json_holds_every_count(files: dict[str, str]) -> None:
    result = run("score", files["good"], "--json", "--errors", "--workers", "1")
    found = json.loads(result.stdout)
    assert found["pair"]["macro"]["f1"] == 1.0
    assert found["pair"]["corpora"]["[one]"]["types"]["city"]["right"] == 1
    assert found["errors"]["[one]"]["counts"]["right"] == 2
    assert found["texts"]["exact copy"] == 2


def test_types_can_be_left_out(files: dict[str, str]) -> None:
    result = run("score", files["bad"], "--json", "--leave-out", "City", "--workers", "1")
    assert list(json.loads(result.stdout)["pair"]["corpora"]["[one]"]["types"]) == ["person"]


def test_comparison_shows_the_difference_and_the_changed_sentences(files: dict[str, str]) -> None:
    result = run("compare", files["bad"], files["good"])
    assert result.exit_code == 0, result.output
    assert "1 of 2 sentences changed: 1 gained right entities, 0 lost some" in result.output
    assert "mean over corpora" in result.output
    as_json = json.loads(run("compare", files["bad"], files["good"], "--json").stdout)
    assert as_json["differences"]["[one]"]["value"] == 0
    assert as_json["differences"]["[two]"]["b"] == 1.0
    assert as_json["changes"][0]["id"] == "[two]/2"


def test_another_file_of_scoring_counts_for_all_commands(
    files: dict[str, str], tmp_path: Path
) -> None:
    own = tmp_path / "own.yaml"
    values = {"level": 0.5, "resamples": 100, "seed": 1, "left_out": ["city"]}
    own.write_text(yaml.safe_dump({**values, "confidence_bins": 5}))
    given = ("--scoring", str(own))
    scores = run("score", files["bad"], "--workers", "1", *given)
    assert "50 %" in scores.output
    assert "mean F1 without city: 50.00" in scores.output
    assert "50 %" in run("compare", files["bad"], files["good"], *given).output
    assert "50 % intervals" in run("beams", files["bad"], files["good"], *given).output
    own.write_text(yaml.safe_dump(values))
    for command in (
        ("score", "{good}"),
        ("compare", "{bad}", "{good}"),
        ("beams", "{bad}", "{good}"),
    ):
        result = run(*[word.format(**files) for word in command], *given)
        assert result.exit_code == 2
        assert "own.yaml: confidence_bins: Field required" in result.stderr


def test_bench_prints_a_row_per_bin(files: dict[str, str]) -> None:
    result = run("bench", "matching", files["bad"], "--seconds", "0.01")
    assert result.exit_code == 0, result.output
    assert "0–60" in result.output
    made = run("bench", "matching", "--seconds", "0.01")
    assert [row in made.output for row in ("0–60", "60–100", "100–200")] == [True] * 3
    assert made.output.count("LCS") == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "none.jsonl"], "none.jsonl: no such file of predictions"),
        (["score", "{bad}", "--mode", "text", "--metric", "span"], "no place in the sentence"),
        (["score", "{bad}", "--mode", "text", "--tokenizer", "t5"], "compares no words"),
        (["score", "{bad}", "--tokenizer", "/nowhere"], "no tokenizer; give a tokenizer.json"),
        (["compare", "{bad}", "none.jsonl"], "no such file of predictions"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    files: dict[str, str], arguments: list[str], message: str
) -> None:
    result = run(*[argument.format(**files) for argument in arguments], *(
        ["--workers", "1"] if arguments[0] == "score" else []))  # fmt: skip
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
