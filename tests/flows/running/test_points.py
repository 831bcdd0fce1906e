"""Points of sweeps and studies whose models are played: shared steps, points that fail, reports."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from flows.cli.main import app
from flows.experiment import run_here
from flows.running.command import Command
from flows.running.outcome import PointsOutcome, cause_of
from flows.running.points import run_points
from flows.running.submit import in_process
from gner_core.artifact_files import JOURNAL, SUMMARY
from gner_core.config.checkpoint import VERSION, Description, describe
from gner_core.config.experiment import Experiment
from gner_core.config.reading.sweeps import read_runnable
from gner_core.errors import InputError
from tasks.context import RunContext
from tests.flows.known_checkpoints import Place

SWEEP = {
    "name": "limits",
    "fixed": {"tests.baseline": None, "stages.finetuning": None, "tests.supervised": None},
    "axes": {
        "limit": {
            "narrow": {"backbone.max_source_tokens": 16},
            "wide": {"backbone.max_source_tokens": 640},
        }
    },
    "show": ["zero-shot/f1"],
    "figure": "table",
}

TRAINED = {
    "sentences": 8,
    "left_out": 0,
    "updates": 1,
    "device": "cpu",
    "chosen": {"update": 1, "by": "last"},
}
"""The summary of every training."""


class Models(Place):
    """Models that are played, in the place of the workers; what is in `faults` fails."""

    faults: dict[tuple[str, int], str]
    """Kind of a step and its limit of source tokens → what its worker says last."""
    ran: "Counter[str]"

    def file(self, values: dict[str, Any]) -> Path:
        file = self.home / "given.yaml"
        file.write_text(yaml.safe_dump(values))
        return file

    def command(self) -> Any:
        """Run the sweep by the command line."""
        file = self.file({**SWEEP, "base": str(self.root / "params" / "tiny.yaml")})
        return CliRunner().invoke(app, ["run", str(file)], env={"PREFECT_API_URL": None})

    def points(self, **changes: Any) -> PointsOutcome:
        """Run the sweep with changed values."""
        return self.run({**SWEEP, "base": str(self.root / "params" / "tiny.yaml"), **changes})

    def run(self, values: dict[str, Any], *overrides: str) -> PointsOutcome:
        """Run a sweep or a study."""
        file = self.file(values)
        found = read_runnable(file, overrides=overrides)
        assert not isinstance(found, Experiment)
        self.ran.clear()
        return run_points(found, Command(str(file), overrides), in_process, Console(quiet=True))

    def statuses(self) -> dict[str, str]:
        """Status of the latest run in MLflow of each name."""
        runs = sorted(self.all_runs(), key=lambda run: run.info.start_time)
        return {run.info.run_name: run.info.status for run in runs}

    def tags(self, name: str) -> dict[str, str]:
        """Tags of the latest run of a name."""
        runs = [run for run in self.all_runs() if run.info.run_name == name]
        return dict(max(runs, key=lambda run: run.info.start_time).data.tags)

    def all_runs(self) -> list[Any]:
        experiment = self.client.get_experiment_by_name("gner")
        assert experiment is not None
        return list(self.client.search_runs([experiment.experiment_id]))


@pytest.fixture
def models(place: Place, monkeypatch: pytest.MonkeyPatch) -> Models:
    made = Models(place.home, place.root)
    made.faults, made.ran = {}, Counter()
    generate = RunContext.child

    def child(run: RunContext, step: Any, *given: Any, folder: Path, **options: Any) -> None:
        made.ran[step.kind] += 1
        (params,) = (getattr(step, name) for name in ("backbone", "params") if hasattr(step, name))
        if fault := made.faults.get((step.kind, params.max_source_tokens)):
            raise RuntimeError(f"the worker ended with code 1\n  Traceback\n{fault}")
        for name in ("worker.log", "progress.jsonl"):
            (run.store.unfinished(step.ref) / name).touch()
        if step.kind == "generate":
            generate(run, step, *given, folder=folder, **options)
            (folder / SUMMARY).write_text(json.dumps({"sentences": 8}))
        else:
            (folder / "model.safetensors").write_text("0.7 1")
        if step.kind == "train":
            (folder / JOURNAL).write_text('{"step": 1, "loss": 2.0}\n')
            (folder / SUMMARY).write_text(json.dumps(TRAINED))
            form = step.system.target
            described = Description(version=VERSION, backbone=params, target=form, types=("x",))
            describe(folder, described)
        run.workspace.work[step.ref] = {"usage": {}}

    monkeypatch.setattr(RunContext, "child", child)
    return made


def test_steps_that_points_have_in_common_run_once(models: Models) -> None:
    beams = {"beams": {"1": {"decode.beams": 1}, "2": {"decode.beams": 2}}}
    outcome = models.points(axes=beams)
    assert (outcome.points, outcome.failures) == (2, {})
    assert models.ran == {"backbone": 1, "train": 1, "generate": 2}
    assert [row["beams"] for row in outcome.tables["limits"]] == ["1", "2"]
    assert {*models.statuses().values()} == {"FINISHED"}
    models.points(axes={"beams": {**beams["beams"], "3": {"decode.beams": 3}}})
    assert models.ran == {"generate": 1}


def test_a_point_that_fails_is_named_and_the_others_are_done(models: Models) -> None:
    models.faults["train", 16] = "InputError: every training sentence is too long"
    done = models.command()
    cause = "the worker ended with code 1 … InputError: every training sentence is too long"
    assert done.exit_code == 1, done.output
    said = " ".join(done.stdout.split())
    assert f"1 of 2 points failed: limit=narrow: {cause}" in said
    page = models.home / "reports" / "limits.html"
    assert "Not here, since they failed: limit=narrow" in page.read_text()
    assert (models.home / "reports" / "limits-wide.html").exists()
    statuses = models.statuses()
    assert {name: statuses[name] for name in ("limits", "limits-narrow", "limits-wide")} == {
        "limits": "FAILED",
        "limits-narrow": "FAILED",
        "limits-wide": "FINISHED",
    }
    assert models.tags("limits-narrow")["gner.failed"] == cause
    assert models.tags("limits")["gner.missing"] == "limit=narrow"

    models.faults.clear()
    assert models.points().failures == {}
    assert models.ran == {"train": 1, "generate": 1}  # of the point that had failed
    assert models.statuses()["limits-narrow"] == "FINISHED"
    assert "gner.failed" not in models.tags("limits-narrow")


def test_the_page_of_a_changed_sweep_links_to_the_reports_of_its_own_points(models: Models) -> None:
    base = str(models.root / "params" / "tiny.yaml")
    outcome = models.run({**SWEEP, "base": base}, "decode.beams=2")
    page = outcome.pages["limits"]
    assert page.name == "limits-decode.beams=2.html"
    linked = re.findall('href="([^"]*[.]html)"', page.read_text())
    assert len(linked) == 2
    assert all((page.parent / name).is_file() for name in linked)


def test_a_point_that_cannot_be_planned_is_one_that_fails(models: Models) -> None:
    axes = {"data": {"here": {"data_root": "package"}, "there": {"data_root": "/nowhere"}}}
    outcome = models.points(axes=axes)
    (cause,) = outcome.failures.values()
    assert "no such corpus file" in cause
    assert [row["data"] for row in outcome.tables["limits"]] == ["here"]
    with pytest.raises(InputError, match="no such corpus file"):
        models.points(axes={"data": {"there": {"data_root": "/nowhere"}}})
    assert models.ran == {}


def test_a_study_shows_its_parts_and_one_whose_point_fails_has_failed(models: Models) -> None:
    tiny = str(models.root / "params" / "tiny.yaml")
    (models.home / "sweep.yaml").write_text(yaml.safe_dump({**SWEEP, "base": tiny}))
    models.faults["generate", 16] = "out of memory"
    outcome = models.run({"name": "both", "parts": [tiny, "sweep.yaml"]})
    assert (outcome.name, outcome.points) == ("both", 3)
    assert [*outcome.failures] == ["limits / limit=narrow"]
    assert {*outcome.pages} == {"tiny", "limits"}
    statuses = models.statuses()
    assert (statuses["both"], statuses["limits"], statuses["tiny"]) == (
        "FAILED",
        "FAILED",
        "FINISHED",
    )


def test_the_description_of_a_failed_run_says_why(models: Models) -> None:
    models.faults["backbone", 640] = "the disk is full"
    file = models.root / "params" / "tiny.yaml"
    found = read_runnable(file, overrides=[])
    assert isinstance(found, Experiment)
    with pytest.raises(RuntimeError, match="the disk is full"):
        run_here(found, Command("params/tiny.yaml", []), console=Console(quiet=True))
    (run,) = models.runs("flow")
    assert "gner.report" not in run.data.tags
    assert run.data.tags["mlflow.note.content"] == (
        "`gner run params/tiny.yaml`\n\nFailed: the worker ended with code 1 … the disk is full"
    )


def test_tests_that_share_a_step_have_scores_each(models: Models) -> None:
    sample = {"corpora": ["news"], "per_corpus": 4}
    tests = {name: {"of": "adaptation", "data": sample} for name in ("once", "again")}
    params = models.root / "params"
    file = models.file(
        {
            "name": "twice",
            "data_root": "package",
            "corpora": str(params / "corpora" / "demo.yaml"),
            "backbone": str(params / "models" / "tiny-t5.yaml"),
            "stages": {"adaptation": {"data": sample}},
            "tests": tests,
        }
    )
    found = read_runnable(file, overrides=[])
    assert isinstance(found, Experiment)
    run_here(found, Command(str(file), []), console=Console(quiet=True))
    assert models.ran["generate"] == 1
    (run,) = models.runs("flow")
    for test in tests:
        assert {f"{test}/f1", f"{test}/news/f1"} <= {*run.data.metrics}


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("one\n\n  two\nthree\n"), "one … three"),
        (InputError("said once"), "said once"),
        (KeyError(), "KeyError"),
        (RuntimeError("x" * 1000), "x" * 300),
    ],
)
def test_a_cause_is_one_line(error: Exception, line: str) -> None:
    assert cause_of(error) == line
