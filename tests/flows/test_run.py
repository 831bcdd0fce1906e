"""The command line on params/tiny.yaml: everything runs, nothing runs twice, nothing is lost."""

import hashlib
import json
import re
import socket
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from flows.views.output import program
from tests.flows.conftest import (
    BESIDE_OTHERS,
    GNER,
    PLANTED,
    Home,
    files_holding,
    ran_steps,
    skipped_steps,
)


def runs(home: Home) -> list[Run]:
    client = MlflowClient(f"sqlite:///{home.folder}/mlflow.db")
    experiment = client.get_experiment_by_name("gner")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def test_the_first_run_runs_every_step_in_half_a_minute(tiny_home: Home) -> None:
    out = (tiny_home.folder / "first.txt").read_text()
    kinds = ran_steps(out)
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "corpus": 5,
        "sample": 4,
        "backbone": 1,
        "train": 2,
        "generate": 3,
        "score": 3,
        "report": 1,
    }
    assert float((tiny_home.folder / "seconds.txt").read_text()) < 30 * BESIDE_OTHERS
    assert "supervised" in out
    assert "WARNING" not in out
    report = tiny_home.folder / "reports" / "tiny.html"
    assert "/tiny/reports/tiny.html" in out
    assert "F1 (95 % interval)" in report.read_text()


def test_mlflow_holds_parent_children_metrics_data_and_tables(tiny_home: Home) -> None:
    found = runs(tiny_home)
    flows = [run for run in found if run.data.tags["gner.kind"] == "flow"]
    parent = min(flows, key=lambda run: run.info.start_time)
    first = sorted(found, key=lambda run: run.info.start_time)[:6]  # those of the first run
    children = {run.info.run_name: run for run in first if run is not parent}
    ids = {name: run.info.run_id for name, run in children.items()}
    assert {name: run.data.tags["mlflow.parentRunId"] for name, run in children.items()} == {
        "adaptation": parent.info.run_id,
        "finetuning": parent.info.run_id,
        "baseline test": parent.info.run_id,
        "zero-shot test": ids["adaptation"],
        "supervised test": ids["finetuning"],
    }
    assert parent.data.params["decode.beams"] == "1"
    assert not [name for name in parent.data.params if name.startswith("corpora.")]
    assert parent.data.tags["mlflow.note.content"] == "`gner run params/tiny.yaml`"
    for run in first:
        assert run.data.tags["mlflow.source.name"] == "params/tiny.yaml"
        assert run.data.tags["mlflow.note.content"]
    assert "supervised/f1" in parent.data.metrics
    training = children["adaptation"]
    client = MlflowClient(f"sqlite:///{tiny_home.folder}/mlflow.db")
    history = client.get_metric_history(training.info.run_id, "loss")
    history = sorted(history, key=lambda metric: metric.step)  # they may arrive in any order
    assert [metric.step for metric in history] == list(range(1, 9))  # each point once
    assert history[-1].value < history[0].value
    live = {"label_tokens_per_second", "padding_share", "memory_gb", "seconds_left"}
    assert live | {"learning_rate", "grad_norm"} <= set(training.data.metrics)
    chosen = children["finetuning"]
    looks = client.get_metric_history(chosen.info.run_id, "validation_loss")
    assert sorted(metric.step for metric in looks) == [2, 4, 5]
    assert chosen.data.tags["gner.chosen"] == "update 5"
    assert chosen.data.params["choose.kind"] == "held_out"
    evaluation = children["supervised test"]
    assert {"news/f1", "sports/precision", "mean/recall"} <= set(evaluation.data.metrics)
    assert evaluation.inputs.dataset_inputs[0].dataset.name == "supervised sentences"
    assert evaluation.data.tags["gner.checkpoint"].startswith("train/")
    tables = [file.path for file in client.list_artifacts(evaluation.info.run_id)]
    assert tables == ["predictions.json"]
    assert [f.path for f in client.list_artifacts(parent.info.run_id)] == ["report.html"]


def test_the_log_of_a_training_does_not_repeat_the_figures_of_its_progress(tiny_home: Home) -> None:
    folders = list((tiny_home.folder / "store" / "train").iterdir())
    assert len(folders) >= 2
    for folder in folders:
        assert '"loss"' in (folder / "progress.jsonl").read_text()
        assert "'loss'" not in (folder / "worker.log").read_text()


def test_secrets_of_the_environment_are_written_nowhere(tiny_home: Home) -> None:
    assert files_holding(tiny_home.folder, PLANTED.values()) == []  # with what it printed
    names = files_holding(
        tiny_home.folder, ["stages.adaptation.train.seed"]
    )  # the search does find
    assert tiny_home.folder / "mlflow.db" in names


def test_every_run_says_where_it_comes_from_and_what_it_cost(tiny_home: Home, root: Path) -> None:
    for run in runs(tiny_home):
        tags, metrics = run.data.tags, run.data.metrics
        if tags["gner.kind"] not in {"flow", "training", "evaluation"}:
            continue  # a sweep's, of another test
        assert tags["gner.package.torch"] == version("torch")
        assert tags["gner.machine.host"] == socket.gethostname()
        assert tags["gner.machine.cpu"] and tags["gner.machine.cores"]
        if (root / ".git").exists():
            assert re.fullmatch("[0-9a-f]{40}", tags["mlflow.source.git.commit"])
            assert tags["gner.git.dirty"] in {"yes", "no"}
        assert ("cost/gpu_hours" in metrics) == ("gner.machine.gpus" in tags)
        if tags["gner.kind"] != "flow":
            assert metrics["cost/attempts"] == 1
            assert metrics["cost/cpu_seconds"] > 0
            assert 0 < metrics["cost/seconds"] < 60
    flows = [run for run in runs(tiny_home) if run.data.tags["gner.kind"] == "flow"]
    first = min(flows, key=lambda run: run.info.start_time)
    assert first.data.metrics["cost/attempts"] == 6  # backbone, two trainings, three generations


def test_trainings_are_registered_by_reference(tiny_home: Home) -> None:
    client = MlflowClient(f"sqlite:///{tiny_home.folder}/mlflow.db")
    trained = {
        run.data.tags["gner.key"]: run.info.run_id
        for run in runs(tiny_home)
        if run.data.tags["gner.kind"] == "training"
    }
    versions = client.search_model_versions("name = 'gner'")
    assert {entry.tags["stage"] for entry in versions} >= {"adaptation", "finetuning"}
    for entry in versions:
        weights = Path(entry.tags["path"]) / "model.safetensors"
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        assert json.loads(entry.tags["sha256"]) == {weights.name: digest}
        assert entry.run_id == trained[entry.tags["step"].removeprefix("train/")]
    copies = [file for file in tiny_home.folder.glob("mlartifacts/**/*") if file.is_file()]
    assert {file.name for file in copies} & {"model.safetensors"} == set()


def test_the_same_command_again_skips_everything(tiny_home: Home) -> None:
    before = {run.info.run_id for run in runs(tiny_home)}
    again = tiny_home.gner("run", "params/tiny.yaml")
    assert again.code == 0, again.err
    assert ran_steps(again.out) == []
    assert len(skipped_steps(again.out)) == 19
    assert again.seconds < 8 * BESIDE_OTHERS
    (new,) = (run for run in runs(tiny_home) if run.info.run_id not in before)
    assert new.data.tags["gner.kind"] == "flow"
    assert "gner.reused.adaptation" in new.data.tags


def test_decoding_is_fitted_to_the_sentences_that_a_stage_held_out(tiny_home: Home) -> None:
    values = (
        "decode.mode=guided",
        "decode.fit={temperature: true, outside_penalty: [1]}",
        "tests.baseline=null",
        "tests.zero-shot=null",
    )
    done = tiny_home.gner("run", "params/tiny.yaml", *(x for v in values for x in ("--set", v)))
    assert done.code == 0, done.err
    assert ran_steps(done.out) == ["fit", "generate", "score", "report"]
    (fit,) = (tiny_home.folder / "store" / "fit").glob("*/fit.json")
    found = json.loads(fit.read_text())
    assert found["sentences"] == 4
    (tested,) = (
        run
        for run in runs(tiny_home)
        if run.info.run_name == "supervised test" and "temperature" in run.data.params
    )
    for name, value in found["values"].items():
        if value:
            assert float(tested.data.params[name]) == value
    page = max((tiny_home.folder / "reports").iterdir(), key=lambda file: file.stat().st_mtime)
    assert "fitted to 4 held-out sentences: " in page.read_text()


def test_another_beam_size_redoes_generation_and_what_follows(tiny_home: Home) -> None:
    changed = tiny_home.gner("run", "params/tiny.yaml", "--set", "decode.beams=5")
    assert changed.code == 0, changed.err
    assert sorted(ran_steps(changed.out)) == ["generate"] * 3 + ["report"] + ["score"] * 3
    (run,) = (run for run in runs(tiny_home) if run.info.run_name == "tiny, decode.beams=5")
    assert run.data.tags["gner.set"] == "decode.beams=5"
    report = tiny_home.folder / "reports" / "tiny-decode.beams=5.html"
    checkpoint = tiny_home.folder / "store" / run.data.tags["gner.checkpoint"]
    head = report.read_text().partition("<h2>")[0]
    for fact in ("gner run params/tiny.yaml --set decode.beams=5", socket.gethostname()):
        assert fact in head
    assert str(checkpoint) in head
    *_, title, place, command = changed.out.strip().splitlines()
    assert (title, place) == ("checkpoint finetuning", f"  {checkpoint}")
    text, key = "Ada Lovelace was born in London.", f"train/{checkpoint.name[:8]}"
    assert command == f'  echo "{text}" | {program()} predict {key}'
    tried = tiny_home.gner("predict", key, given=text)
    assert tried.code == 0, tried.err
    assert (tiny_home.folder / "reports" / "tiny.html").exists()


def test_another_batch_per_device_redoes_nothing(tiny_home: Home) -> None:
    changed = tiny_home.gner(
        "run",
        "params/tiny.yaml",
        "--set",
        "execution.train_batch=2",
        "--set",
        "execution.generate_batch=3",
    )
    assert changed.code == 0, changed.err
    assert ran_steps(changed.out) == []


def test_a_dry_run_lists_steps_and_what_is_published(tiny_home: Home) -> None:
    dry = tiny_home.gner(
        "run", "params/tiny.yaml", "--dry-run", "--set", "stages.finetuning.train.seed=9"
    )
    assert dry.code == 0
    assert dry.seconds < BESIDE_OTHERS
    state = {
        tuple(line.split()[1:2] + line.split()[3:]): line.split()[0]
        for line in dry.out.splitlines()
    }
    assert state["train", "adaptation"] == "published"
    assert state["train", "finetuning"] == "pending"
    assert state["generate", "supervised"] == "pending"
    assert state["generate", "zero-shot"] == "published"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["params/none.yaml"], "params/none.yaml: cannot be read"),
        (
            ["params/tiny.yaml", "--set", "decode.beem=2"],
            "decode.beem: unknown key; allowed: beams",
        ),
        (["params/tiny.yaml", "--set", "decode.beams=x"], "decode.beams"),
        (["params/tiny.yaml", "--set", "data_root=/nowhere"], "no such corpus file"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    tmp_path: Path, root: Path, arguments: list[str], message: str
) -> None:
    home = Home(tmp_path / "home", root)
    done = home.gner("run", *arguments)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not home.folder.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "news-train.tsv: no sentence found for news, split train"),
        ("a\tO\nb\n", "news-train.tsv, line 2: 1 tab-separated columns where 2 were expected"),
        ("a\tQ-person\n", "news-train.tsv, line 1: unknown tag 'Q-person'"),
        ("a\tB-planet\n", "news-train.tsv, line 1: label 'planet' is not in the corpus' labels"),
    ],
)
def test_a_faulty_corpus_is_named_and_leaves_nothing_half_written(
    tmp_path: Path, root: Path, content: str, message: str
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for file in (root / "gner_core" / "corpora" / "demo").glob("*.tsv"):
        (data / file.name).write_bytes(file.read_bytes())
    (data / "news-train.tsv").write_text(content)
    home = Home(tmp_path / "home", root)
    last = ("--set", "stages.finetuning.choose={kind: last}")  # else the file is read to plan
    done = home.gner("run", "params/tiny.yaml", "--set", f"data_root={data}", *last)
    assert done.code == 2, done.out + done.err
    assert message in done.err
    faults = [line for line in done.err.splitlines() if line.startswith("gner: ")]
    assert len(faults) == 1
    store = home.folder / "store"
    assert not list((store / ".staging").iterdir())
    assert all((folder / "manifest.json").exists() for folder in store.glob("corpus/*"))
    assert not list(store.glob("sample/*")) or "finetuning sentences: done" not in done.out


@pytest.mark.slow
def test_a_run_without_its_mlflow_server_is_logged_by_the_next_one(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home", root)
    environment = {**home.environment(), "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    done = subprocess.run(
        [*GNER, "run", "params/tiny.yaml"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).count("does not answer") == 1
    again = home.gner("run", "params/tiny.yaml")
    assert ran_steps(again.out) == []
    (adaptation,) = (run for run in runs(home) if run.info.run_name == "adaptation")
    client = MlflowClient(f"sqlite:///{home.folder}/mlflow.db")
    history = client.get_metric_history(adaptation.info.run_id, "loss")
    assert sorted(metric.step for metric in history) == list(range(1, 9))
