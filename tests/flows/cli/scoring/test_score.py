"""`gner score`, `gner compare` and `gner bench matching`: what is printed, JSON, exit codes."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner, Result

from flows.cli.main import app
from gner_core.records import PREDICTION_SCHEMA

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
                 "--by-type", "--errors", "--workers", "1")  # fmt: skip
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
        assert "own.yaml: missing: confidence_bins" in result.stderr


def record(**changed: Any) -> str:
    good = {
        "dataset": "d",
        "label_list": ["person", "city"],
        "instance": {"words": WORDS, "labels": LABELS},
        "prediction": GOOD,
    }
    return json.dumps({**good, **changed}) + "\n"


def test_byte_order_marks_are_no_part_of_a_record(tmp_path: Path) -> None:
    file = tmp_path / "marked.jsonl"
    file.write_bytes(2 * (b"\xef\xbb\xbf" + record().encode()))  # as of two files joined
    found = json.loads(run("score", str(file), "--json", "--workers", "1").stdout)
    assert found["pair"]["micro"]["right"] == 4


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"label_list": ["person", "place"]}, "gold type 'city' is not in label_list, only person, place"),
        ({"label_list": ["socie\u0301te\u0301"], "instance": {"words": ["a"], "labels": ["B-soci\xe9t\xe9"]}}, "gold type 'société' is not in label_list"),
        ({"label_list": []}, "gold type 'person' is not in label_list, which is empty"),
        ({"instance": {"words": WORDS, "labels": ["B-", *LABELS[1:]]}}, "gold label 'B-'; expected O"),
        ({"label_list": ["person", "city", ""], "instance": {"words": ["a"], "labels": ["I-"]}}, "gold label 'I-'"),
        ({"instance": {"words": ["a"], "labels": ["person"]}}, "gold label 'person'; expected O"),
    ],
)  # fmt: skip
def test_gold_that_no_prompt_asked_for_is_named_with_its_line(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(record() + record(**changed))
    result = run("score", str(file), "--workers", "1")
    assert result.exit_code == 2
    assert f"p.jsonl, line 2: {message}" in result.stderr


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "Ada(B-PER) of(O) New(O) York(O) waits(O)",
            "1 of 1 texts have tags of types that were not",
        ),
        ("[Ada](person) of New York waits", "no text holds a tag of the form BIO; name that"),
        (GOOD.replace("city", "person"), ""),
    ],
)
def test_texts_of_another_form_or_with_other_types_are_told(
    tmp_path: Path, text: str, line: str
) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(record(prediction=text))
    for command in (("score", str(file)), ("score", str(file), "--json")):
        result = run(*command, "--workers", "1")
        assert result.exit_code == 0
        assert line in result.output and ("look at" in result.output) == bool(line)
    compared = run("compare", str(file), str(file)).stdout
    assert ("no text holds a tag" in compared) == ("no text holds a tag" in line)


ROW: dict[str, Any] = {
    "id": "1",
    "corpus": "news",
    "words": ["Ada", "waits"],
    "tags": ["B-person", "O"],
    "types": ["person"],
    "text": "Ada(B-person) waits(O)",
    "finished": True,
    "skipped": None,
    "decided": None,
    "probabilities": None,
}


def write_rows(file: Path, *rows: dict[str, Any]) -> None:
    pq.write_table(pa.Table.from_pylist(list(rows), schema=PREDICTION_SCHEMA), file)


def test_predictions_are_found_in_the_folder_of_their_artifact(tmp_path: Path) -> None:
    write_rows(tmp_path / "predictions.parquet", ROW)
    in_folder = run("score", str(tmp_path), "--json", "--workers", "1")
    assert json.loads(in_folder.stdout)["pair"]["micro"]["f1"] == 1.0
    (tmp_path / "predictions.parquet").unlink()
    empty = run("score", str(tmp_path), "--workers", "1")
    assert empty.exit_code == 2
    assert f"{tmp_path}: a folder without predictions.parquet" in empty.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tags": ["B-person"]}, "2 words but 1 tags"),
        ({"tags": ["person", "O"]}, "tag 'person'; expected O, B-<type> or I-<type>"),
        ({"tags": ["B-", "O"]}, "tag 'B-'; expected"),
        ({"tags": ["B-person", None]}, "null in tags"),
        ({"words": None}, "null in words"),
        ({"corpus": None}, "null in corpus"),
        ({"decided": ["O"]}, "2 words but 1 decided"),
        ({"probabilities": [float("nan"), 1.0]}, "probabilities holds others than numbers"),
    ],
)
def test_a_faulty_row_of_a_table_is_named(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    file = tmp_path / "own.parquet"
    write_rows(file, ROW, ROW | change)
    refused = run("score", str(file), "--workers", "1")
    assert refused.exit_code == 2
    assert f"own.parquet, row 2: {message}" in " ".join(refused.stderr.split())


def test_a_column_of_another_kind_is_named(tmp_path: Path) -> None:
    file = tmp_path / "own.parquet"
    pq.write_table(pa.Table.from_pylist([ROW | {"words": "Ada waits"}]), file)
    refused = run("score", str(file), "--workers", "1")
    assert refused.exit_code == 2
    assert "column words holds string; expected list" in " ".join(refused.stderr.split())


def test_a_byte_order_mark_may_stand_before_an_empty_line(files: dict[str, str]) -> None:
    good = Path(files["good"])
    good.write_bytes(b"\xef\xbb\xbf\n" + good.read_bytes())
    assert run("score", str(good), "--workers", "1").exit_code == 0


def test_a_type_that_no_file_has_cannot_be_left_out(files: dict[str, str]) -> None:
    scoring = ("score", files["bad"], "--workers", "1")
    for command in (scoring, ("compare", files["bad"], files["good"])):
        assert run(*command, "--leave-out", "MISC").exit_code == 0  # asked for, and never found
        refused = run(*command, "--leave-out", "persn")
        assert refused.exit_code == 2
        assert "--leave-out 'persn': no such type; did you mean person?" in refused.stderr


PAIR = {
    "gold.conll": "Ada B-PER\nof O\nNew B-LOC\nYork I-LOC\n\nBo B-PER\nwaits O\nin O\nRio-based B-MISC\n",
    "predicted.conll": "Ada B-PER\nof O\nNew B-LOC\nYork O\n\nBo B-PER\nwaits O\nin O\nRio-based B-MISC\n",
    "predicted.jsonl": '{"text": "Ada of  New York", "entities": [{"start": 0, "end": 3, "label": "person"}, '
    '{"start": 8, "end": 16, "label": "LOC"}]}\n{"text": "", "entities": []}\n'
    '{"text": "Bo waits in Rio-based", "entities": [{"start": 12, "end": 15, "label": "MISC"}]}\n',
}  # fmt: skip


@pytest.fixture
def pair(tmp_path: Path) -> dict[str, Path]:
    """Gold sentences, and predictions for them as tagged words and as the output of predict."""
    for name, text in PAIR.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in PAIR}


def counts(gold: Path, predicted: Path) -> dict[str, tuple[int, int, int]]:
    """Gold, found and right entities of each type."""
    result = run("score", str(gold), str(predicted), "--json", "--workers", "1")
    assert result.exit_code == 0, result.stderr
    (corpus,) = json.loads(result.stdout)["pair"]["corpora"].values()
    return {
        name: (one["gold"], one["predicted"], one["right"]) for name, one in corpus["types"].items()
    }


def test_two_files_of_tagged_words_are_gold_and_predictions(pair: dict[str, Path]) -> None:
    found = counts(pair["gold.conll"], pair["predicted.conll"])
    assert found == {"loc": (1, 1, 0), "misc": (1, 1, 1), "per": (2, 2, 2)}


def test_how_texts_are_matched_is_said_where_there_are_texts(
    files: dict[str, str], pair: dict[str, Path]
) -> None:
    generated = run("score", files["good"], "--workers", "1").output.splitlines()[0]
    assert generated.rstrip() == "2 sentences, mode gner, without back tokenization"
    tagged = run(
        *("score", str(pair["gold.conll"]), str(pair["predicted.conll"])),
        *("--workers", "1", "--errors"),
    )
    assert tagged.output.splitlines()[0].rstrip() == "2 sentences"
    assert "omitted" not in tagged.output


def test_labels_of_two_files_are_those_that_stand_in_them(pair: dict[str, Path]) -> None:
    """Whatever else a file holds: `person` beside `PER` in the gold is another label."""
    pair["gold.conll"].write_text(PAIR["gold.conll"].replace("Bo B-PER", "Bo B-person"))
    found = counts(pair["gold.conll"], pair["predicted.conll"])
    assert found == {"loc": (1, 1, 0), "misc": (1, 1, 1), "per": (1, 2, 1), "person": (1, 0, 0)}


def test_entities_of_predict_are_compared_with_their_exact_bounds(pair: dict[str, Path]) -> None:
    """`Rio` is not `Rio-based`, and the whole file as one text gives the same."""
    wanted = {"loc": (1, 1, 1), "misc": (1, 1, 0), "per": (2, 1, 1)}
    assert counts(pair["gold.conll"], pair["predicted.jsonl"]) == wanted
    lines = [json.loads(line) for line in PAIR["predicted.jsonl"].splitlines()]
    entities = []
    for line, start in ((lines[0], 0), (lines[2], len(lines[0]["text"]) + 2)):
        for e in line["entities"]:
            moved = {**e, "start": e["start"] + start, "end": e["end"] + start}
            entities.append(moved)
    whole = {"text": "\n".join(line["text"] for line in lines), "entities": entities}
    pair["predicted.jsonl"].write_text(json.dumps(whole))
    assert counts(pair["gold.conll"], pair["predicted.jsonl"]) == wanted


@pytest.mark.parametrize(
    ("name", "before", "after", "message"),
    [
        ("predicted.conll", "Bo", "Bob", "sentence 2, word 1 is 'Bob', in the gold 'Bo'"),
        ("predicted.conll", "waits O\n", "", "sentence 2, word 2 is 'in', in the gold 'waits'"),
        ("predicted.conll", "York O\n\n", "York O\n\nx O\n\n", "sentence 2, word 1 is 'x'"),
        ("predicted.conll", "Rio-based B-MISC\n", "Rio-based B-MISC\n\ny O\n", "3 sentences, the gold has 2"),
        ("predicted.jsonl", "Bo waits", "Bob", "sentence 2 of the gold has the word 'waits'"),
        ("predicted.jsonl", '{"text": "Bo', '{"text": 1, "x": "Bo', "line 3: not a line of gner predict"),
        ("predicted.jsonl", "Rio-based", "Rio-based and", "'and' is behind the last sentence of the gold"),
    ],
)  # fmt: skip
def test_files_of_other_sentences_are_refused(
    pair: dict[str, Path], name: str, before: str, after: str, message: str
) -> None:
    pair[name].write_text(PAIR[name].replace(before, after))
    result = run("score", str(pair["gold.conll"]), str(pair[name]), "--workers", "1")
    assert result.exit_code == 2
    assert message in result.stderr


def test_predictions_without_gold_say_how_to_give_it(pair: dict[str, Path]) -> None:
    for name in ("predicted.jsonl", "predicted.conll"):
        assert "gner score GOLD PREDICTED" in run("score", str(pair[name]), "--workers", "1").stderr


def test_bench_prints_a_row_per_bin(files: dict[str, str]) -> None:
    result = run("bench", "matching", files["bad"], "--seconds", "0.01")
    assert result.exit_code == 0, result.output
    assert "0–60" in result.output
    rows = json.loads(run("bench", "matching", files["bad"], "--seconds", "0.01", "--json").stdout)
    assert {row["which"] for row in rows} <= {"all", "LCS"}
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
