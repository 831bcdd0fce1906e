"""Checkpoints whose answers are known beforehand: evaluated once, compared, the best is champion."""

import json
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, PERMISSION_DENIED
from typer.testing import CliRunner

from flows.cli.main import app
from flows.views.reevaluate import raise_faults, table_rows
from gner_core.config.systems.gner import TargetForm
from gner_core.errors import InputError
from gner_core.store.artifacts import ArtifactRef
from tasks.checkpoints.find import checkpoint_named
from tasks.checkpoints.identity import Checkpoint, named
from tasks.checkpoints.registry import Registry
from tasks.context import RunContext
from tasks.paths import open_store
from tasks.tracking.records import Version
from tests.flows.known_checkpoints import Place
from tests.s3_server import S3


def test_the_alias_moves_only_to_what_is_better_beyond_the_interval(place: Place) -> None:
    half = place.checkpoint("half", right=0.5)
    assert place.verdicts(half) == ["first"]
    good = place.checkpoint("good", right=0.9)
    worse = place.checkpoint("worse", right=0.3, seed=2)
    as_good = place.checkpoint("as-good", right=0.9, seed=2)
    assert place.verdicts(worse) == ["worse"]
    assert place.champion == "half"
    (row,) = place.reevaluate(good)
    assert place.champion == "good"
    assert place.verdicts(as_good) == ["even"]
    assert place.champion == "good"
    assert row.decision.low > 0
    assert row.decision.f1 == pytest.approx(0.9, abs=0.1)
    (texts,) = table_rows([row])
    assert texts["verdict"] == "better: becomes champion"
    assert texts["F1"] == f"{100 * row.decision.f1:.2f}"
    assert texts["against champion"].startswith("+")


def test_a_regression_is_marked_and_figures_are_on_the_run(place: Place) -> None:
    good, worse = place.checkpoint("good", right=0.9), place.checkpoint("worse", right=0.3)
    place.reevaluate(good)
    (row,) = place.reevaluate(worse)
    marked = [run for run in place.runs("comparison") if "gner.regression" in run.data.tags]
    (run,) = marked
    decision = row.decision
    figures = {name: run.data.metrics[name] for name in ("f1", "difference", "low", "high", "p")}
    assert figures == {name: getattr(decision, name) for name in figures}
    assert run.data.tags["gner.verdict"] == "worse"
    assert run.data.tags["gner.champion"] == named(good, open_store()).key
    (written,) = place.comparisons()
    assert (written["verdict"], written["sentences"]) == ("worse", 52)
    assert written["mean"]["value"] == decision.difference
    manifest = open_store().manifest(ArtifactRef(*decision.compare.split("/")))
    assert {name.split()[0] for name in manifest["inputs"]} == {"champion", "candidate"}


def test_runs_and_versions_name_their_checkpoint(place: Place) -> None:
    for name, right in (("good", 0.9), ("worse", 0.3)):
        place.reevaluate(place.checkpoint(name, right=right))
    names = {named(f"{place.home}/models/{name}", open_store()).name for name in ("good", "worse")}
    assert {run.info.run_name for run in place.runs("flow")} == {f"reevaluate, {n}" for n in names}
    described = {one.description.partition(", ")[0] for one in place.versions()}
    assert described == names


def test_a_checkpoint_is_evaluated_once_wherever_it_is_and_however_often_it_is_named(
    place: Place,
) -> None:
    one = place.checkpoint("one", right=0.6)
    copied = place.home / "models" / "below" / "copy"
    shutil.copytree(one, copied)
    (copied / "worker.log").write_text("another place, another log")
    assert place.verdicts(one, str(copied), one) == ["first"]
    runs = len(place.runs("evaluation")) + len(place.runs("flow")) + len(place.runs("comparison"))
    assert place.verdicts(str(copied)) == ["first"]
    assert place.verdicts(scan=True) == ["first"]
    assert len(place.generated) == 2  # two test sets
    again = len(place.runs("evaluation")) + len(place.runs("flow")) + len(place.runs("comparison"))
    assert (runs, again) == (4, 4)
    (version,) = place.versions()
    assert version.tags["path"] == one
    assert json.loads(version.tags["sha256"]).keys() == {"model.safetensors"}


def at_once(*works: Callable[[], Any]) -> None:
    faults: list[BaseException] = []

    def guarded(work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as fault:  # noqa: BLE001
            faults.append(fault)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_evaluations_that_end_at_once_leave_the_best_as_champion(place: Place) -> None:
    place.reevaluate(place.checkpoint("first", right=0.1))
    good, best = place.checkpoint("good", right=0.5), place.checkpoint("best", right=1.0)
    calls = [lambda name=name: place.reevaluate(name) for name in (good, best, best, good, best)]
    at_once(*calls)
    assert place.champion == "best"
    assert len(place.generated) == 6  # three checkpoints, two test sets
    assert len(place.versions()) == len(place.runs("comparison")) == 3
    compared = {version.tags["verdict"] for version in place.versions()}
    assert compared in ({"first", "better"}, {"first", "better", "worse"})  # by who came first
    assert len(place.comparisons()) == 2


def test_without_mlflow_all_is_evaluated_and_a_later_scan_decides(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.checkpoint("bad", right=0.2), place.checkpoint("good", right=0.9)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    rows = place.reevaluate(scan=True)
    assert [row.decision for row in rows] == [None, None]
    assert {row.note.split(":")[0] for row in rows} == {"undecided"}
    bad, good = sorted(row.f1 for row in rows)
    assert bad < 0.6 < good
    assert len(place.generated) == 4
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    place.reevaluate(scan=True)
    assert place.champion == "good"
    assert len(place.generated) == 4
    assert len(place.runs("comparison")) == 2


@pytest.mark.parametrize(
    ("owner", "moment", "when"),
    [
        (MlflowClient, "create_model_version", "before"),
        (Registry, "register", "after"),
        (Registry, "promote", "after"),
    ],
)
def test_what_was_interrupted_is_finished_by_the_next_scan(
    place: Place, monkeypatch: pytest.MonkeyPatch, owner: type, moment: str, when: str
) -> None:
    place.reevaluate(place.checkpoint("half", right=0.5))
    place.checkpoint("good", right=0.9)
    undisturbed = getattr(owner, moment)

    def killed(*arguments: Any, **options: Any) -> None:
        if when == "after":
            undisturbed(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(owner, moment, killed)
        with pytest.raises(KeyboardInterrupt):
            place.reevaluate(scan=True)
    mlflow.set_tracking_uri("")  # the next scan is another process
    assert sorted(place.verdicts(scan=True)) == ["better", "first"]
    assert place.champion == "good"
    assert len(place.generated) == 4
    assert len(place.versions()) == len(place.runs("comparison")) == 2
    (comparison,) = place.comparisons()
    assert comparison["verdict"] == "better"


def test_an_alias_that_a_person_moved_stays_and_is_what_counts(place: Place) -> None:
    half, good = place.checkpoint("half", right=0.5), place.checkpoint("good", right=0.9)
    place.reevaluate(half)
    place.reevaluate(good)
    by_path = {Path(version.tags["path"]).name: version for version in place.versions()}
    place.client.set_registered_model_alias("gner", "champion", by_path["half"].version)
    place.reevaluate(scan=True)
    assert place.champion == "half"
    assert place.verdicts(place.checkpoint("perfect", right=1.0)) == ["better"]
    assert place.champion == "perfect"


def test_a_champion_that_is_gone_is_named_and_nothing_is_decided(place: Place) -> None:
    place.reevaluate(place.checkpoint("gone", right=0.5))
    good = place.checkpoint("good", right=0.9)
    shutil.rmtree(place.home / "models" / "gone")
    rows = place.reevaluate(good)
    with pytest.raises(
        InputError, match=r"version 1 of gner, which holds the alias champion.*gone"
    ):
        raise_faults(rows)
    assert len(place.versions()) == 2
    mend = place.client.delete_registered_model_alias
    mend("gner", "champion")
    assert place.verdicts(good) == ["first"]


def test_an_alias_does_not_mean_other_weights_that_lie_in_the_folder_now(place: Place) -> None:
    place.reevaluate(place.checkpoint("one", right=0.5))
    assert checkpoint_named("champion", open_store()) == place.home / "models" / "one"
    (place.home / "models" / "one" / "model.safetensors").write_text("0.9 1")
    with pytest.raises(
        InputError, match=r"champion: .*one holds other weights now than were regist"
    ):
        checkpoint_named("champion", open_store())


def test_one_faulty_checkpoint_is_named_and_stops_no_other(place: Place) -> None:
    place.checkpoint("good", right=0.9)
    brackets = TargetForm(labels="brackets", context="full", gap="")
    place.checkpoint("other-form", right=0.9, seed=2, target=brackets)
    damaged = place.home / "models" / "damaged"
    damaged.mkdir()
    (damaged / "gner.json").write_text("{")
    rows = place.reevaluate(scan=True)
    assert sum(row.decision is None for row in rows) == 2
    assert [row.decision.verdict for row in rows if row.decision] == ["first"]
    with pytest.raises(InputError) as fault:
        raise_faults(rows)
    assert "damaged: holds no safetensors weights" in str(fault.value)
    assert "other-form: writes brackets with context full" in str(fault.value)


def test_whatever_fails_in_one_checkpoint_stands_in_its_row_and_the_others_go_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, right in (("half", 0.5), ("broken", 0.7), ("good", 0.9)):
        place.checkpoint(name, right=right)
    register = Registry.register

    def failing(registry: Registry, checkpoint: Checkpoint) -> Version:
        if checkpoint.name.startswith("broken"):
            raise RuntimeError("the worker died")
        return register(registry, checkpoint)

    monkeypatch.setattr(Registry, "register", failing)
    rows = place.reevaluate(scan=True)
    assert [row.decision and row.decision.verdict for row in rows] == ["first", None, "better"]
    assert 0.5 < rows[1].f1 < 0.9  # it was evaluated
    with pytest.raises(RuntimeError, match=r"^broken-\w+: the worker died$"):
        raise_faults(rows)
    assert sorted(run.info.status for run in place.runs("flow")) == ["FAILED", *["FINISHED"] * 2]


def test_a_scan_holds_a_checkpoint_only_while_it_is_at_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = place.checkpoint("one", right=0.5)
    place.checkpoint("slow", right=0.9)
    child, started, free = RunContext.child, threading.Event(), threading.Event()
    was_free: list[bool] = []

    def waiting(run: RunContext, step: Any, *arguments: Any, **options: Any) -> None:
        if "slow" in step.title:
            started.set()
            was_free.append(free.wait(10))
        child(run, step, *arguments, **options)

    monkeypatch.setattr(RunContext, "child", waiting)

    def other() -> None:
        assert started.wait(20)
        assert place.verdicts(one) == ["first"]
        free.set()

    at_once(lambda: place.reevaluate(scan=True), other)
    assert was_free == [True, True]
    assert place.champion == "slow"


@pytest.mark.parametrize("error", [INVALID_PARAMETER_VALUE, PERMISSION_DENIED])
def test_a_fault_of_the_registry_is_not_taken_for_a_missing_champion(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    place.reevaluate(place.checkpoint("good", right=0.9))
    worse = place.checkpoint("worse", right=0.3)

    def refuse(*_: Any) -> None:
        raise MlflowException("refused", error)

    with monkeypatch.context() as patch:
        for method in ("get_registered_model", "get_model_version_by_alias"):
            patch.setattr(MlflowClient, method, refuse)
        (row,) = place.reevaluate(worse)
    assert (row.decision, str(row.error)) == (None, "refused")
    assert place.champion == "good"
    assert place.verdicts(worse) == ["worse"]


def test_other_test_sets_are_another_evaluation_of_the_same_champion(place: Place) -> None:
    half, good = place.checkpoint("half", right=0.5), place.checkpoint("good", right=0.9)
    place.reevaluate(half)
    place.reevaluate(good)
    fewer = ["tests.supervised.per_corpus=8"]
    assert sorted(place.verdicts(half, good, overrides=fewer)) == ["named", "worse"]
    assert place.champion == "good"


def test_a_scan_reads_the_registry_and_leaves_out_other_stages(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, ref = open_store(), place.training("0" * 20, right=0.5, stage="adaptation")
    assert place.verdicts(scan=True) == []  # scan.stages: [finetuning]
    (row,) = place.reevaluate(f"train/{ref.key}")
    assert row.note == "left out: of stage adaptation, see scan.stages"
    assert place.generated == []
    everything = ["scan.stages=null", "scan.folders=[]"]
    assert place.verdicts(scan=True, overrides=everything) == ["first"]
    (version,) = place.versions()
    assert version.tags["step"] == ref.path
    shutil.move(store.fetch(ref), place.home / "moved")
    assert place.reevaluate(scan=True, overrides=everything) == []  # nothing is left to do
    others = [*everything, "tests.supervised.per_corpus=8"]
    (row,) = place.reevaluate(scan=True, overrides=others)
    assert "registered, and not there" in str(row.error)
    place.client.set_model_version_tag("gner", version.version, "path", str(place.home / "moved"))
    assert place.verdicts(scan=True, overrides=others) == ["named"]


def test_machines_with_one_store_and_one_registry_share_evaluations_and_decisions(
    place: Place, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.home)  # where MLflow keeps its files, since it is named by an address
    monkeypatch.setenv("GNER_STORE", s3.url(place.home.name))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place.home}/mlflow.db")
    half, good = place.training("0" * 20, right=0.5), place.training("1" * 20, right=0.9)
    assert place.verdicts(half.path) == ["first"]
    monkeypatch.setenv("GNER_HOME", str(place.home / "other-machine"))
    assert place.verdicts(good.key) == ["better"]
    assert place.verdicts(scan=True, overrides=["scan.folders=[]"]) == ["first", "better"]
    assert len(place.generated) == 4
    paths = {version.tags["path"] for version in place.versions()}
    assert paths == {f"{s3.url(place.home.name)}/{ref.path}" for ref in (half, good)}
    assert place.champion == good.key


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("{params}", "give checkpoints to evaluate, or --scan"),
        ("x {params} --scan", "give checkpoints to evaluate, or --scan"),
        ("nowhere {params}", "nowhere: neither a folder nor a checkpoint"),
        ("{home} {params}", "not a checkpoint of gner"),
        ("--scan {params} --set scan.folders=[/nowhere]", "/nowhere: scan.folders names it"),
        ("--scan {params} --set tests.a={{}}", "missing: tests.a.corpora"),
        ("--scan {params} --set tests.zero-shot.corpora=[news]", "both name news"),
        ("--scan {params} --set tests.zero-shot.split=train", "music has no split 'train'"),
        (
            "--scan {params} --set champion.alas=x",
            "champion.alas: unknown key; allowed: alias, mod",
        ),
    ],
)
def test_bad_input_is_a_line_a_fault_and_exit_code_2(
    place: Place, root: Path, arguments: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    params = root / "params" / "reevaluate.yaml"
    given = arguments.format(params=params, home=place.home).split()
    done = CliRunner().invoke(app, ["reevaluate", *given])
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 + message.startswith("music")


def test_the_command_prints_the_table(
    place: Place, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    half, good = place.checkpoint("half", right=0.5), place.checkpoint("good", right=0.9)
    params = str(root / "params" / "reevaluate.yaml")
    done = CliRunner().invoke(app, ["reevaluate", half, good, params], env={"COLUMNS": "150"})
    assert done.exit_code == 0, done.output
    (line,) = (line for line in done.stdout.splitlines() if "becomes champion" in line)
    number = r"[+-]?\d+\.\d\d"
    figures = rf"{number} +{number} +{number} … {number} +0\.\d{{3}}"
    assert re.fullmatch(rf"good-\w{{8}} +{figures} +better: becomes champion *", line), line
