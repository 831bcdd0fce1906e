"""`gner predict` on a checkpoint that a run published: three forms, keys, one clear line for faults."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.views.models.predict import coloured, print_entities
from flows.views.models.tune import print_fit
from gner_core.config.checkpoint import DESCRIPTION, description_of
from gner_core.config.systems.any import PLAIN
from gner_core.errors import InputError
from gner_core.predicting.entities import Entity
from gner_core.reports.entities import render_entities
from tasks.checkpoints.foreign import usable
from tests.flows.conftest import Home

TEXT = "Ada <b>met</b> 東京\t👨‍👩‍👧‍👦 in New York."
FOUND = [Entity(0, 3, "a, b (c)", "Ada", 0.98), Entity(31, 39, "<i>city", "New York", 0.3)]


@pytest.fixture(scope="module")
def checkpoint(tiny_home: Home) -> Path:
    """A checkpoint of the run of params/tiny.yaml."""
    return next(
        folder
        for folder in sorted((tiny_home.folder / "store" / "train").iterdir())
        if (folder / DESCRIPTION).is_file()
    )


def test_published_checkpoints_say_what_they_are(checkpoint: Path, tiny_home: Home) -> None:
    about = description_of(checkpoint)
    assert about.backbone.name
    assert about.target is not None
    assert about.types == tuple(sorted(about.types)) != ()
    (backbone,) = (tiny_home.folder / "store" / "backbone").iterdir()
    assert description_of(backbone).target is None


def test_json_lines_of_texts_from_standard_input(checkpoint: Path, tiny_home: Home) -> None:
    """By the key of the artifact, with every type in its own way."""
    types = ("--types", "person, city", "--type", "a, b (c)")
    done = tiny_home.gner(
        *("predict", checkpoint.name, "-", "--format", "json", *types),
        given=f"{TEXT}\n\nsecond\r\n",
    )
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["text"] for line in lines] == [TEXT, "", "second"]
    for line in lines:
        for e in line["entities"]:
            assert line["text"][e["start"] : e["end"]] == e["text"]
            assert e["label"] in ("person", "city", "a, b (c)")
    assert lines[1]["entities"] == []


@pytest.fixture(scope="module")
def random_model(tiny_home: Home) -> Path:
    """The untrained backbone, which finds entities everywhere."""
    (found,) = (tiny_home.folder / "store" / "backbone").iterdir()
    return found


def test_a_threshold_leaves_out_what_is_less_confident(random_model: Path, tiny_home: Home) -> None:
    arguments = ("predict", random_model.name, "-", "--format", "json", "--types", "person, city")

    def found(*more: str) -> list[dict[str, Any]]:
        done = tiny_home.gner(*arguments, *more, given=TEXT * 20)
        assert done.code == 0, done.err
        return list(json.loads(done.out)["entities"])

    every = found()
    middle = sorted(e["confidence"] for e in every)[len(every) // 2]
    kept = found("--threshold", "0", "--threshold", f"person={middle}")
    assert kept == [e for e in every if e["label"] != "person" or e["confidence"] >= middle]
    assert kept != every
    refused = tiny_home.gner(*arguments, "--threshold", "persons=0.5", given=TEXT)
    assert refused.code == 2
    assert "threshold names 'persons', which is not looked for; did you mean person?" in refused.err


def test_entities_may_hold_any_sign_that_ends_a_line(random_model: Path, tiny_home: Home) -> None:
    """Of a text a line, only LF ends one."""
    text = "Ada\u2028waves\x85to\x0bRome " * 20
    command = ("predict", random_model.name, "-", "--format", "json", "--types", "person")
    done = tiny_home.gner(*command, "--outside-penalty", "60", given=text)
    assert done.code == 0, done.err
    entities = json.loads(done.out)["entities"]
    assert any({"\u2028", "\x85"} & {*one["text"]} for one in entities)


def test_labels_are_rated_as_the_options_say(random_model: Path, tiny_home: Home) -> None:
    arguments = ("predict", random_model.name, "-", "--format", "json", "--types", "person, city")
    words = {}
    for penalty in ("-60", "60"):
        done = tiny_home.gner(
            *(*arguments, "--outside-penalty", penalty, "--orders", "2", "--temperature", "2"),
            *("--calibrate-types", "content_free"),
            given="Ada waves to Rome.",
        )
        assert done.code == 0, done.err
        found = json.loads(done.out)["entities"]
        words[penalty] = sum(len(e["text"].split()) for e in found)
    assert words == {"-60": 0, "60": 4}
    refused = tiny_home.gner(*arguments, "--temperature", "0", given=TEXT)
    assert refused.code == 2
    assert "decoding: temperature: Input should be greater than 0" in refused.err


def test_a_checkpoint_is_tuned_to_tagged_sentences(
    checkpoint: Path, tiny_home: Home, tmp_path: Path
) -> None:
    file = tmp_path / "own.tsv"
    file.write_text(OWN)
    command = ("tune", str(checkpoint), str(file), "--penalties", "-1,2")
    done = tiny_home.gner(*command)
    assert done.code == 0, done.err
    *_, last = done.out.splitlines()
    assert last.startswith("options   --outside-penalty")
    assert "--temperature" in last
    found = json.loads(tiny_home.gner(*command, "--json").out)
    assert found["sentences"] == 2
    rated = tiny_home.gner("test", str(checkpoint), str(file), *last.split()[1:])
    assert rated.code == 0, rated.err
    for options, said in ((("--penalties", "1,x"), "'x' is no number"), ((), "no such file")):
        refused = tiny_home.gner("tune", str(checkpoint), str(file if options else "no"), *options)
        assert refused.code == 2
        assert said in refused.err.lower()


def test_a_file_without_entities_names_no_types(
    checkpoint: Path, tiny_home: Home, tmp_path: Path
) -> None:
    file = tmp_path / "none.conll"
    file.write_text("Ada O\nwaves O\n")
    for command in ("test", "tune"):
        refused = tiny_home.gner(command, str(checkpoint), str(file))
        assert refused.code == 2
        assert "none.conll: has no entity, so that it names no types; name them" in refused.err


def test_a_temperature_at_the_end_of_the_range_is_not_relied_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    even = {"value": 0.0, "low": 0.0, "high": 0.0}
    penalty = {"best": 0.0, "value": 0.0, "difference": even, "curve": []}
    fit: dict[str, Any] = {
        "sentences": 1, "words": 2, "skipped": 0, "outside_penalty": penalty,
        "temperature": {"calibration_error": [None, 0.25]},
        "values": {"outside_penalty": 0.0, "temperature": 20.0},
    }  # fmt: skip
    print_fit(fit, rating=PLAIN, level=0.95)
    out = capsys.readouterr().out
    assert "calibration error: –, at temperature 20 0.2500" in out
    assert "temperature 20 is the end of what was tried" in out
    print_fit(
        {**fit, "values": {"outside_penalty": 0.0, "temperature": 2.0}}, rating=PLAIN, level=0.95
    )
    assert "is the end of" not in capsys.readouterr().out


def test_a_whole_file_is_one_text(checkpoint: Path, tiny_home: Home, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("Ada waves.\nTo Rome.\n")
    done = tiny_home.gner("predict", str(checkpoint), str(tmp_path / "t.txt"), "--type", "x", "--whole", "--format", "json")  # fmt: skip
    assert [json.loads(line)["text"] for line in done.out.splitlines()] == [
        "Ada waves.\nTo Rome.\n"
    ]


def test_without_types_those_of_the_training_are_looked_for(
    checkpoint: Path, tiny_home: Home
) -> None:
    types = description_of(checkpoint).types
    without = tiny_home.gner("predict", str(checkpoint), "-", "--format", "json", given=TEXT)
    named = [word for one in types for word in ("--type", one)]
    by_name = tiny_home.gner(
        "predict", str(checkpoint), "-", "--format", "json", *named, given=TEXT
    )
    assert without.code == 0, without.err
    assert without.out == by_name.out
    (backbone,) = (tiny_home.folder / "store" / "backbone").iterdir()
    refused = tiny_home.gner("predict", str(backbone), "-", given=TEXT)
    assert refused.code == 2
    assert "no types; name at least one to look for" in refused.err


OWN = "Ada\tB-PER\nwaves\tO\nto\tO\nRome\tB-LOC\n\nBo\tB-PER\nwaits\tO\n"


def test_a_checkpoint_is_tested_on_a_file_without_an_experiment(
    checkpoint: Path, tiny_home: Home, tmp_path: Path
) -> None:
    file = tmp_path / "own.tsv"
    file.write_text(OWN)
    done = tiny_home.gner("test", str(checkpoint), str(file), "--by-type")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].rstrip() == "2 sentences"
    assert "location" in done.out
    found = json.loads(tiny_home.gner("test", str(checkpoint), str(file), "--json").out)
    assert found["texts"]["all"] == 2
    assert {
        name: one["gold"] for name, one in found["pair"]["corpora"]["own"]["types"].items()
    } == {
        "location": 1,
        "person": 2,
    }
    some = tiny_home.gner("test", checkpoint.name, str(file), "--types", "person")
    assert some.code == 2
    assert "has entities of types that are not looked for: location (1)" in some.err
    left = ("--types", "PER", "--leave-out", "loc", "--json")
    scores = json.loads(tiny_home.gner("test", checkpoint.name, str(file), *left).out)
    assert scores["pair"]["micro"]["gold"] == 2  # without Rome
    wrong = tiny_home.gner("test", checkpoint.name, str(file), "--leave-out", "places")
    assert wrong.code == 2
    assert "--leave-out 'places': no such type; there are: location, person" in wrong.err


def test_what_reading_a_file_left_open_is_said(
    checkpoint: Path, tiny_home: Home, tmp_path: Path
) -> None:
    file = tmp_path / "nested.tsv"
    file.write_text("Uni\tB-ORG\tO\nof\tI-ORG\tO\nRome\tI-ORG\tB-LOC\nAda\tB-PER\tO\nsaw\tO\tO\n")
    tested = tiny_home.gner("test", checkpoint.name, str(file))
    assert "columns [1, 2] all hold tags" in tested.out + tested.err
    as_json = tiny_home.gner("test", checkpoint.name, str(file), "--json")
    assert json.loads(as_json.out) and "columns [1, 2] all hold tags" in as_json.err


def test_a_test_scores_what_a_threshold_keeps(
    random_model: Path, tiny_home: Home, tmp_path: Path
) -> None:
    file = tmp_path / "own.tsv"
    file.write_text(OWN * 4)

    def predicted(*more: str) -> dict[str, int]:
        done = tiny_home.gner("test", random_model.name, str(file), *more, "--json")
        assert done.code == 0, done.err
        return dict(json.loads(done.out)["span"]["corpora"]["own"])

    every = predicted("--metric", "span")["predicted"]
    assert predicted("--metric", "span", "--threshold", "0")["predicted"] == every > 0
    assert predicted("--metric", "span", "--threshold", "1")["predicted"] == 0
    for name, hint in (("PER", ""), ("PERSON", "; did you mean person?")):
        refused = tiny_home.gner("test", random_model.name, str(file), "--threshold", f"{name}=0.5")
        assert refused.code == 2
        assert f"threshold names {name!r}, which is not looked for{hint}" in refused.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{folder}", "{file}", "--types", "a"], "version None, this gner reads"),
        (["{folder}", "{file}", "--types", " "], "--types is empty; name the types"),
        (["{folder}", "{file}", "--types", "a, A"], "type 2, ' A', is there twice"),
        (["{folder}", "{file}", "--types", "a,,b"], "type 2 is blank"),
        (["{folder}", "nowhere.txt", "--types", "a"], "nowhere.txt: cannot be read"),
        (["{folder}", "{broken}", "--types", "a"], "line 2: not UTF-8"),
        (["{folder}", "{utf16}", "--types", "a"], "version None, this gner reads"),
        (["{folder}", "{unmarked}", "--types", "a"], "unmarked, line 1: holds a NUL"),
        (
            ["{folder}", "{packed}", "--types", "a"],
            "packed: no text, but packed with gzip; gner ann",
        ),
        (["{empty}", "{file}", "--types", "a"], "not a checkpoint of gner"),
        (["no-such-key", "{file}", "--types", "a"], "neither a folder nor a checkpoint"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.setenv("GNER_HOME", str(tmp_path / "home"))
    places = {
        name: tmp_path / name
        for name in ("folder", "empty", "file", "broken", "utf16", "unmarked", "packed")
    }
    places["folder"].mkdir()
    places["empty"].mkdir()
    (places["folder"] / DESCRIPTION).write_text("{}")
    places["file"].write_text("Ada\n")
    places["broken"].write_bytes(b"Ada\n\xff\n")
    places["utf16"].write_bytes("Ada\n".encode("utf-16"))
    places["unmarked"].write_bytes("Ada\n".encode("utf-16-le"))
    places["packed"].write_bytes(gzip.compress(b"Ada\n"))
    result = CliRunner().invoke(app, ["predict", *[a.format(**places) for a in arguments]])
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_artifacts_of_other_steps_are_no_checkpoints(
    tiny_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNER_HOME", str(tiny_home.folder))
    key = next((tiny_home.folder / "store" / "score").iterdir()).name
    for name in (key, f"score/{key}", "train/"):
        with pytest.raises(InputError, match="neither a folder nor a checkpoint"):
            usable(name, None)


def test_the_page_shows_every_text_escaped() -> None:
    page = render_entities([TEXT, ""], [FOUND, []], types=["a, b (c)", "<i>city", "x"], title="<u>")
    assert "<b>" not in page.replace("<b>1</b>", "").replace("<b>0</b>", "")
    assert "&lt;b&gt;met&lt;/b&gt; 東京\t👨‍👩‍👧‍👦 in " in page
    assert "<i>city" not in page
    assert "<u>" not in page
    assert 'class="unsure" title="characters 31 to 39"' in page
    assert not any(mark in page for mark in ("http:", "https:", "<script", "@import"))


def test_the_terminal_shows_entities_and_obeys_no_text() -> None:
    shown = coloured("Ada\x1b[31m waves", FOUND[:1], {"a, b (c)": "cyan"})
    assert shown.plain == "[Ada](a, b (c) 98)\ufffd[31m waves"
    assert any("bold cyan" in str(span.style) for span in shown.spans)


def test_entities_without_a_confidence_have_none_in_any_form(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = [[Entity(0, 3, "person", "Ada", None)]]
    assert coloured("Ada waves", found[0], {"person": "cyan"}).plain == "[Ada](person) waves"
    page = render_entities(["Ada waves"], found, types=["person"], title="t")
    assert "<small>person</small>" in page
    assert "confidences" not in page
    print_entities(["Ada waves"], found, types=["person"], form="table", title="t")
    assert "confidence" not in capsys.readouterr().out
    print_entities(["Ada waves"], found, types=["person"], form="json", title="t")
    assert json.loads(capsys.readouterr().out)["entities"][0]["confidence"] is None
