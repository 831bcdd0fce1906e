"""From a store to the page of results: exported, accumulated, checked and verified."""

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from gner_core.config.reading.sweeps import Sweep, read_runnable
from tasks.paths import open_store
from tasks.plans.points import PlannedPoint, planned_points
from tests.tasks.standalone.finished import finish, study_files


def planned(file: Path) -> list[PlannedPoint]:
    found = read_runnable(file.with_name("forms.yaml"), overrides=[])
    assert isinstance(found, Sweep)
    return planned_points(found)


def run_points(points: Iterable[PlannedPoint]) -> None:
    """With context all persons and every other song are found, without it half of the persons."""
    for point in points:
        full = "form=full" in point.label
        finish(
            point.plan,
            open_store(),
            lambda number, entity, full=full: number % 2 == 0 or (full and entity == 0),
        )


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results file whose sweep has not run."""
    monkeypatch.setenv("GNER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GNER_STORE", raising=False)
    return study_files(tmp_path / "repository")


@pytest.fixture
def done(file: Path) -> Path:
    """A results file whose sweep is finished, and exported."""
    run_points(planned(file))
    code, out, fault = gner(file)
    assert (code, fault) == (0, "")
    assert out.startswith("forms: 4 of 4 points\n")
    return file


def gner(file: Path, *options: str) -> tuple[int, str, str]:
    """Exit code, output and faults of the command."""
    ran = CliRunner().invoke(app, ["report", "results", str(file), *options])
    assert ran.exit_code in (0, 2), ran.output
    return ran.exit_code, ran.stdout, ran.stderr


def page(file: Path) -> Path:
    return file.parents[1] / "docs" / "results.md"


def kept(file: Path) -> Path:
    return page(file).with_suffix("") / "forms.json"


def rows(text: str, head: str) -> list[list[str]]:
    """The cells of the table with a heading."""
    lines = text[text.index(f"| {head} |") :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def change(file: Path, **values: Any) -> None:
    """Change the first point of what is kept."""
    record = json.loads(kept(file).read_text())
    test = record["points"][0]["tests"]["zero-shot"]
    test.update(values)
    kept(file).write_text(json.dumps(record))


def test_a_finished_sweep_becomes_a_page(done: Path) -> None:
    text = page(done).read_text()
    (none, full) = rows(text, "form")
    assert none[0] == "none" and full[0] == "full"
    # Without context each second sentence has both entities, all others one person too many.
    assert none[1].startswith("57.1 (") and full[1].startswith("75.0 (")
    assert none[-1] == full[-1] == "2"  # seeds
    assert full[1].endswith("</small>") and "<br>" not in none[1]
    corpora = rows(text, "corpus")
    assert [line[0] for line in corpora] == ["music", "news", "mean"]
    (claim,) = rows(text, "claim")
    assert claim[:2] == ["Context helps.", "**confirmed**"]
    assert "(#words-around-entities-table-1)" in claim[3]
    assert "person" in text and "song" in text
    assert "4.0 hours (training 2.0, generation 2.0)" in text
    assert "`gner run params/forms.yaml`" in text
    assert "## Not run" not in text
    svg = (page(done).with_suffix("") / "forms.svg").read_bytes()
    assert svg.startswith(b"<?xml") and len(svg) < 30_000


def test_a_metric_that_a_system_does_not_have_is_no_zero(file: Path) -> None:
    study_files(file.parents[1], show=["zero-shot/f1", "zero-shot/own_f1"])
    run_points(planned(file))
    assert gner(file)[0] == 0
    assert [line[2] for line in rows(page(file).read_text(), "form")] == ["–", "–"]


def test_a_page_that_is_not_the_output_is_found(done: Path) -> None:
    assert gner(done, "--check")[0] == 0
    text = page(done).read_text()
    page(done).write_text(text.replace("75.0", "76.0"))
    code, _, fault = gner(done, "--check")
    assert code == 2
    assert f"{page(done)}: differs" in fault and "76.0" in fault
    page(done).write_text(text)
    stray = page(done).with_suffix("") / "other.svg"
    stray.write_text("<svg/>")
    assert "belongs to no study" in gner(done, "--check")[2]
    assert gner(done)[0] == 0 and not stray.exists()


def test_a_changed_count_is_found(done: Path) -> None:
    code, out, _ = gner(done, "--verify")
    assert (code, out) == (0, "forms: 4 of 4 tests verified\n")
    record = json.loads(kept(done).read_text())
    counts = record["points"][0]["tests"]["zero-shot"]["counts"]
    counts["music"]["pair"]["right"][2] += 1
    change(done, counts=counts)
    code, out, fault = gner(done, "--verify")
    assert (code, out) == (2, "forms: differs\n")
    assert "zero-shot.counts.music.pair.right: number 3 of 8: kept" in fault


def test_a_study_whose_store_is_lost_stays_as_it_is(done: Path, tmp_path: Path) -> None:
    files = sorted(page(done).parent.rglob("*.*"))
    before = [one.read_bytes() for one in files]
    shutil.rmtree(tmp_path / "home")
    code, out, _ = gner(done, "--verify")
    assert (code, out) == (0, "forms: not verified, its steps are not in this store\n")
    assert gner(done)[0] == 0
    done.with_name("forms.yaml").write_text(
        done.with_name("forms.yaml").read_text().replace("fixed:", "fixed:\n  data_root: /nowhere")
    )
    code, out, _ = gner(done)
    assert code == 0 and "not read from the store" in out
    assert [one.read_bytes() for one in files] == before


def test_points_of_several_machines_add_up(file: Path, tmp_path: Path) -> None:
    points = planned(file)
    run_points(points[:3])
    assert "forms: 3 of 4 points" in gner(file)[1]
    text = page(file).read_text()
    assert "**3 of 4 points are finished**" in text
    assert rows(text, "claim")[0][1:3] == ["not run", "1 point not finished"]
    assert "- Words around entities (Table 1), full, 2: `gner run" in text
    shutil.rmtree(tmp_path / "home")
    run_points(points[3:])
    assert "forms: 4 of 4 points" in gner(file)[1]
    assert rows(page(file).read_text(), "claim")[0][1] == "**confirmed**"
    names = [one["name"] for one in json.loads(kept(file).read_text())["points"]]
    assert names == ["forms-none-1", "forms-none-2", "forms-full-1", "forms-full-2"]
    assert gner(file, "--verify")[1] == "forms: 1 of 4 tests verified\n"


def test_points_of_other_steps_are_not_mixed(file: Path, tmp_path: Path) -> None:
    run_points(planned(file)[:2])
    gner(file)
    before = kept(file).read_bytes()
    sweep = file.with_name("forms.yaml")
    sweep.write_text(sweep.read_text().replace("fixed:", "fixed:\n  decode.seed: 2"))
    run_points(planned(file)[2:])
    code, _, fault = gner(file)
    assert code == 2
    assert re.search(r"forms.json: forms-none-1, zero-shot: kept from score/\w+, and", fault)
    assert "delete it to begin anew" in fault
    assert kept(file).read_bytes() == before


def test_nothing_run_is_a_page_with_commands(file: Path) -> None:
    assert gner(file)[1].startswith("forms: not run\n")
    text = page(file).read_text()
    assert "Not run yet:\n\n```\ngner run params/forms.yaml\n```" in text
    assert rows(text, "claim")[0][1:3] == ["not run", ""]
    assert not kept(file).exists()
    assert gner(file, "--check")[0] == 0


def test_an_account_by_hand_is_included_as_it_is(done: Path) -> None:
    account = "#### Twenty cases\n\nMost of them are *songs*."
    (page(done).with_suffix("") / "forms.notes.md").write_text(account + "\n")
    assert "is not" not in gner(done)[2]
    assert account in page(done).read_text()


def test_a_broken_record_names_its_field(done: Path) -> None:
    change(done, counts={"music": {"pair": {"gold": ["many"]}}})
    code, _, fault = gner(done, "--check")
    assert code == 2
    assert "forms.json: points.0.tests.zero-shot.counts.music.pair.gold.0: " in fault


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"show": ["zeroshot/f1"]}, "forms: forms-none-1 has no test zeroshot"),
        ({"baseline": {"form": "ful"}}, "baseline: no form 'ful'; did you mean full?"),
        ({"baseline": {"shape": "full"}}, "baseline: no axis shape; there are: form, seed"),
        ({"baseline": {"seed": "1"}}, "baseline: seed is the axis of seeds"),
        ({"figure": "corpora", "by_corpus": []}, "by_corpus, which is empty"),
        ({"file": "other.yaml"}, "other.yaml: cannot be read"),
        (
            {"claims": [{"says": "a", "score": "zero-shot/f1", "of": {}, "against": {}}]},
            "claims.0: above, below: give one of the two",
        ),
        (
            {"claims": [{"says": "a", "score": "zero-shot/calls", "of": {}, "against": {}, "above": 0}]},
            "claims.0: score: zero-shot/calls has no interval",
        ),
    ],
)  # fmt: skip
def test_a_faulty_file_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    ran = CliRunner().invoke(app, ["check", str(study_files(tmp_path, **changes))])
    assert ran.exit_code == 2
    assert message in ran.output.replace("\n", " ")


def test_a_number_that_the_paper_has_not_is_named(done: Path) -> None:
    ref = {"of": {}, "score": "zero-shot/f1", "source": "Table 1", "system": "T5", "setting": ""}
    study_files(done.parents[1], paper=[ref])
    code, _, fault = gner(done)
    assert code == 2
    assert f"{done}: forms: paper.0: Table 1, T5, : no f1 in numbers.csv" in fault
