"""Sweeps of params/tiny.yaml from the command line: shared steps once, failing points, figures."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run
from typer.testing import CliRunner

from flows.cli.main import app
from flows.running.command import Command
from gner_core.reports.sweep.content import Difference
from gner_core.reports.sweep.page import difference_shown
from tests.flows.conftest import Home, ran_steps, skipped_steps

BEAMS = ("run", "params/sweeps/beam-size.yaml", "--set", "base=params/tiny.yaml")
SIZES = (
    *("run", "params/sweeps/scaling-law.yaml", "--set", "show=[zero-shot/f1]"),
    *("--set", "stages.finetuning=null", "--set", "tests.supervised=null"),
    *("--set", "stages.adaptation.train.epochs=1", "--set", "tests.zero-shot.data.per_corpus=2"),
)


def sweep_run(home: Home, name: str) -> tuple[MlflowClient, Run, dict[str, Run]]:
    """The latest run of a sweep, and the runs below it by name."""
    client = MlflowClient(f"sqlite:///{home.folder}/mlflow.db")
    experiment = client.get_experiment_by_name("gner")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    (parent, *_) = [run for run in runs if run.data.tags.get("gner.experiment") == name]
    below = {
        run.info.run_name: run
        for run in runs
        if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id
    }
    return client, parent, below


def test_a_beam_sweep_trains_nothing_twice_and_ends_in_figure_and_table(
    tiny_home: Home, tmp_path: Path
) -> None:
    done = tiny_home.gner(*BEAMS)
    assert done.code == 0, done.out + done.err
    assert "train" not in ran_steps(done.out)  # params/tiny.yaml has trained
    assert skipped_steps(done.out).count("train") == 2  # one task for all four points
    assert ran_steps(done.out).count("generate") == 6  # beam size 1 is there
    name = Command(BEAMS[1], BEAMS[3:]).file_name("beam-size")  # says what differs from the file
    for suffix in ("html", "png", "svg", "csv", "json"):
        assert (tiny_home.folder / "reports" / f"{name}.{suffix}").stat().st_size > 100
    table = json.loads((tiny_home.folder / "reports" / f"{name}.json").read_text())
    assert [row["x"] for row in table["rows"]] == [1, 2, 3, 4]
    (point,) = tiny_home.folder.glob("reports/beam-size-3-base=*.html")
    assert "beams=3" in point.read_text().partition("<h2>")[0]
    assert f'<a href="{name}.html">sweep beam-size</a>' in point.read_text()
    assert 'id="links"></p>' in (tiny_home.folder / "reports" / f"{name}.html").read_text()
    assert point.name in (tiny_home.folder / "reports" / f"{name}.html").read_text()
    second = table["rows"][1]["cells"]["supervised/f1"]["difference"]
    assert second["low"] <= second["value"] <= second["high"]
    client, parent, points = sweep_run(tiny_home, "beam-size")
    files = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert files >= {"figure.png", "figure.svg", "table.csv", "sweep.html", "scores.json"}
    curve = client.get_metric_history(parent.info.run_id, "curve/supervised/f1")
    assert sorted(point.step for point in curve) == [1, 2, 3, 4]
    assert set(points) == {f"beam-size-{beams}" for beams in (1, 2, 3, 4)}
    assert points["beam-size-2"].data.params["axis.beams"] == "2"
    assert {"zero-shot/f1", "supervised/f1"} <= set(points["beam-size-4"].data.metrics)

    again = tiny_home.gner(*BEAMS)
    assert again.code == 0
    assert ran_steps(again.out) == []
    assert again.seconds < 30
    dry = tiny_home.gner(*BEAMS, "--dry-run")
    assert {line.split()[0] for line in dry.out.splitlines()} == {"published", "default"}

    results = tmp_path / "params" / "results.yaml"
    results.parent.mkdir()
    results.write_text(yaml.safe_dump(results_of(tiny_home.root / "params" / "sweeps")))
    written = tiny_home.gner("report", "results", str(results), *BEAMS[2:])
    assert written.code == 0, written.out + written.err
    shown = (tmp_path / "docs" / "results.md").read_text()
    assert f"supervised, F1: {difference_shown(Difference(**second), 'supervised/f1')}" in shown
    assert tiny_home.gner("report", "results", str(results), "--verify", "--check").code == 0


def results_of(sweeps: Path) -> dict[str, Any]:
    """A page of results with that sweep."""
    sides = {"of": {"beams": "2"}, "against": {"beams": "1"}, "score": "supervised/f1"}
    study = {
        "name": "beams",
        "title": "Beams",
        "file": str(sweeps / "beam-size.yaml"),
        "show": ["zero-shot/f1", "supervised/seconds"],
        "by_type": ["supervised"],
        "figure": "rows",
        "claims": [{"says": "Beams help.", "above": 0, **sides}],
    }
    groups = [{"title": "Decoding", "studies": [study]}]
    return {"title": "Results", "page": "../docs/results.md", "groups": groups}


@pytest.mark.slow
def test_a_scaling_sweep_trains_each_size_once(tmp_path: Path, root: Path) -> None:
    home = Home(tmp_path / "home", root)
    dry = home.gner(*SIZES, "--dry-run")
    assert not home.folder.exists()
    lines = [line for line in dry.out.splitlines() if not line.startswith("default ")]
    keys = [line.split()[2] for line in lines]
    assert len(set(keys)) == len(keys)
    assert sum(line.split()[1] == "train" for line in lines) == 3
    assert lines[-1].split()[:2] == ["pending", "sweep-report"]
    (corpus,) = (line for line in lines if "music" in line)
    assert all(f"size={size}" in corpus for size in ("narrow", "tiny", "wide"))

    done = home.gner(*SIZES)
    assert done.code == 0, done.out + done.err
    kinds = ran_steps(done.out)
    assert (kinds.count("train"), kinds.count("backbone"), kinds.count("corpus")) == (3, 3, 3)
    assert kinds.count("sample") == 2
    (file,) = home.folder.glob("reports/scaling-law-*.json")
    table = json.loads(file.read_text())
    assert [row["parameters"] for row in table["rows"]] == [44_128, 137_408, 471_424]
    _, _, points = sweep_run(home, "scaling-law")
    assert set(points) == {"scaling-law-narrow", "scaling-law-tiny", "scaling-law-wide"}


@pytest.fixture
def faulty(tmp_path: Path, root: Path) -> Path:
    """A sweep whose second point has sentences that are too long for it."""
    values = {
        "name": "limits",
        "base": str(root / "params" / "tiny.yaml"),
        "fixed": {"tests.baseline": None},
        "axes": {
            "limit": {
                "narrow": {"backbone.max_source_tokens": 16},
                "wide": {"backbone.max_source_tokens": 640},
            }
        },
        "show": ["zero-shot/f1"],
        "figure": "table",
    }
    path = tmp_path / "limits.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("show=[zero-shot/ff1]", "limits.yaml: show.0: "),
        ("base=params/none.yaml", "params/none.yaml: cannot be read"),
        ("backbone.max_source_tokens=3", "is set by the axis limit"),
    ],
)
def test_a_bad_sweep_is_one_line_and_exit_code_2(faulty: Path, override: str, message: str) -> None:
    done = CliRunner().invoke(app, ["run", str(faulty), "--set", override])
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_when_no_point_can_be_planned_nothing_runs(
    tmp_path: Path, root: Path, faulty: Path
) -> None:
    home = Home(tmp_path / "home", root)
    done = home.gner("run", str(faulty), "--set", "data_root=/nowhere")
    assert done.code == 2, done.out + done.err
    assert "no such corpus file" in done.err
    assert not home.folder.exists()
