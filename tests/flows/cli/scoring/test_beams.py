"""`gner beams`: F1 of each beam, what changed, and how."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli.main import app
from gner_core.records import Prediction, write_predictions

WORDS = ("what", "was", "the", "fog", "rated", "?")
GOLD = ("O", "O", "B-title", "I-title", "O", "O")
NONE = ("O",) * 6
PART = ("O", "O", "O", "B-title", "O", "O")
BEAMS = {  # sentence by sentence: three of corpus a, one of b
    "1": (NONE, GOLD, PART, GOLD),
    "2": (GOLD, PART, NONE, GOLD),
    "4": (GOLD, GOLD, GOLD, GOLD),
}


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    paths = []
    for name, decided in BEAMS.items():
        path = tmp_path / f"{name}.parquet"
        rows = [
            Prediction(f"{c}/{n}", c, (*WORDS[:5], str(n)), GOLD, ("title",), "", True, None, tags, (0.9,) * 6)
            for n, (c, tags) in enumerate(zip("aaab", decided, strict=True))
        ]  # fmt: skip
        write_predictions(path, rows)
        paths.append(f"{name}={path}")
    return paths


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["beams", *arguments], env={"COLUMNS": "160"})


def test_scores_counts_and_cases(files: list[str]) -> None:
    result = run(*files, "--metric", "span")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert ["2", "1", "1", "1", "3"] in lines  # beam, wrong → right, right → wrong, wrong → wrong
    assert ["4", "2", "0", "0", "2"] in lines
    mean = next(line for line in lines if line[:3] == ["mean", "over", "corpora"])
    assert {"70.00", "100.00", "+30.00"} <= set(mean)  # a: 40, 40, 100; b: 100
    assert "what(O) was(O) the(B-title) fog(I-title) rated(O)" in result.output
    assert "beam 2  wrong → right  a  a/0" in result.output


def test_json_holds_every_case(files: list[str]) -> None:
    found = json.loads(run(*files, "--metric", "span", "--json", "--show", "0").stdout)
    assert found["counts"]["2"] == {"wrong → right": 1, "right → wrong": 1, "wrong → wrong": 1}
    assert found["beams"]["4"]["differences"]["a"]["value"] == pytest.approx(0.6)
    assert [case["id"] for case in found["cases"] if case["beam"] == "4"] == ["a/0", "a/2"]
    assert found["cases"][0]["after"] == list(GOLD)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{0}"], "at least two beam sizes"),
        (["{0}", "{0}"], "beam 1 is given twice"),
        (["{0}", "2=nowhere.parquet"], "nowhere.parquet: no such file of predictions"),
        (["{0}", "{1}", "--mode", "text", "--tokenizer", "x"], "compares no words"),
    ],
)
def test_bad_input_is_one_line(files: list[str], arguments: list[str], message: str) -> None:
    result = run(*[argument.format(*files) for argument in arguments])
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_names_of_corpora_are_not_read_as_markup(tmp_path: Path) -> None:
    names = ("news [v2]", "news [/v2]", "[bold]news", ":car:", "[link=x]a[/link]")
    files = []
    for beam, decided in (("1", NONE), ("2", GOLD)):
        rows = [
            Prediction(f"[{n}]", name, (*WORDS[:5], "[/url]"), GOLD, ("title",), "", True, None, decided)
            for n, name in enumerate(names)
        ]  # fmt: skip
        write_predictions(tmp_path / f"{beam}.parquet", rows)
        files.append(str(tmp_path / f"{beam}.parquet"))
    out = run(*files).output
    assert all(f"\n{name} " in out for name in names), out
    assert "[/url](O)" in out


def test_other_sentences_are_refused_and_files_without_names_are_numbered(
    files: list[str], tmp_path: Path
) -> None:
    plain = [file.partition("=")[2] for file in files]
    assert "beam 3  wrong → right" in run(*plain).output
    write_predictions(tmp_path / "less.parquet", [])
    assert "lacks 4 sentences" in run(plain[0], str(tmp_path / "less.parquet")).stderr
