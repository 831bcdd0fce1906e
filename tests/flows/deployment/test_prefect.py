"""The flow under Prefect: a server of its own for this module, steps taken from the shared store."""

import importlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.client.schemas.schedules import CronSchedule
from prefect.events import DeploymentEventTrigger
from prefect.flow_engine import run_flow
from prefect.testing.utilities import prefect_test_harness

from flows import HEARTBEAT_SECONDS
from gner_core.errors import InputError
from gner_core.runtime.priority import NICE
from tasks.services.prefect import POOLS, for_dead_runs, make_pools
from tests.flows.conftest import Home
from tests.flows.known_checkpoints import Place

HEARTBEAT = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
DEMOS = ("scaling-law", "beam-size", "schema-ablation", "matching-ablation")
OF_THE_PAPER = ("paper-zero-shot", "paper-compared", "paper-same-backbone")
ANNOTATION = {"checkpoint": "train/abc", "data": ["texts.jsonl"], "output": "entities"}
"""What is given by hand to every run of the deployments of `annotate`."""
SWEEPS = (*DEMOS, *OF_THE_PAPER, *(f"paper-{name}" for name in DEMOS))


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


def test_the_flow_completes_with_its_task_runs_and_artifacts(
    server: None, tiny_home: Home, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.experiment import gner

    monkeypatch.chdir(root)
    monkeypatch.setenv("GNER_HOME", str(tiny_home.folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    state = gner("params/tiny.yaml", [], return_state=True)
    assert state.is_completed(), state.message
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs()
        tasks = _ended_task_runs(client, number=19, of=run)
        artifacts = {artifact.key for artifact in client.read_artifacts()}
    assert run.name == "tiny"
    names = {task.name for task in tasks}
    assert {"corpus news", "train adaptation", "generate zero-shot", "report tiny"} <= names
    assert len(tasks) == 19
    assert {"report-tiny", "scores-supervised", "scores-zero-shot"} <= artifacts
    mlflow = MlflowClient(f"sqlite:///{tiny_home.folder}/mlflow.db")
    experiment = mlflow.get_experiment_by_name("gner")
    assert experiment is not None
    mine = f"tags.`prefect.flow_run_id` = '{run.id}'"
    (tracked,) = mlflow.search_runs([experiment.experiment_id], mine)
    assert tracked.data.tags["prefect.flow_run_url"].endswith(f"/runs/flow-run/{run.id}")


def test_another_deployment_leaves_work_pools_as_people_have_set_them(server: None) -> None:
    with get_client(sync_client=True) as client:
        make_pools(client)
        client.update_work_pool("cpu", WorkPoolUpdate(is_paused=True, concurrency_limit=2))
        make_pools(client)
        pools = {pool.name: pool for pool in client.read_work_pools()}
        client.update_work_pool("cpu", WorkPoolUpdate(is_paused=False, concurrency_limit=None))
    assert pools.keys() >= {*POOLS}
    assert (pools["cpu"].is_paused, pools["cpu"].concurrency_limit) == (True, 2)
    assert not pools["gpu"].is_paused


def test_a_run_says_what_differs_and_one_that_fails_says_why_in_one_line(
    server: None,
    tiny_home: Home,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from flows.experiment import gner

    monkeypatch.chdir(root)
    monkeypatch.setenv("GNER_HOME", str(tiny_home.folder))
    given = {"params": "params/tiny.yaml", "overrides": ["decode.beams=0"]}
    state = gner(**given, return_state=True)
    assert state.is_failed()
    assert state.message.startswith("params/tiny.yaml: decode.beams: ")
    assert "\n" not in state.message
    with get_client(sync_client=True) as client:
        names = {run.name for run in client.read_flow_runs()}
    assert "tiny, decode.beams=0" in names
    log = logging.getLogger("prefect.flow_runs")
    monkeypatch.setattr(log, "handlers", [caplog.handler])
    caplog.set_level("INFO")
    with pytest.raises(InputError, match=r"decode\.beams"):
        run_flow(gner, parameters=given, error_logger=log)  # as a deployment is run
    failed = next(line for line in caplog.messages if "decode.beams: " in line)
    assert "\n" not in failed
    assert not [record for record in caplog.records if record.exc_info]


def _ended_task_runs(client: SyncPrefectClient, *, number: int, of: FlowRun) -> list[TaskRun]:
    """Wait for so many task runs, each in its last state: only then it has the name we gave it.

    The server learns of task runs by events, some seconds later than the flow run's own end.
    """
    mine = FlowRunFilter(id=FlowRunFilterId(any_=[of.id]))
    deadline = time.monotonic() + 60
    while True:
        tasks = client.read_task_runs(flow_run_filter=mine)
        ended = [task for task in tasks if task.state is not None and task.state.is_final()]
        if len(ended) >= number or time.monotonic() > deadline:
            return tasks
        time.sleep(0.2)


def test_a_scan_under_prefect_shows_the_table_and_the_regression(
    server: None, place: Place, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.reevaluate import scan

    monkeypatch.chdir(root)
    good = place.checkpoint("good", right=0.9)
    place.reevaluate(good)
    bad = Path(place.checkpoint("bad", right=0.1)).name
    state = scan(overrides=[f"scan.folders=[{place.home}/models]"], return_state=True)
    assert state.is_completed(), state.message
    (_, row) = state.result()
    assert row["verdict"] == "worse: regression"
    with get_client(sync_client=True) as client:
        artifacts = {artifact.key: artifact.data for artifact in client.read_artifacts()}
    assert [one["verdict"] for one in json.loads(artifacts["reevaluate-reevaluate"])] == [
        "champion: the first",
        "worse: regression",
    ]
    (regression,) = (
        text for key, text in artifacts.items() if key.startswith(f"regression-{bad}-")
    )
    assert row["against champion"] in regression


def test_every_deployment_fits_its_flow(root: Path) -> None:
    deployments = yaml.safe_load((root / "prefect.yaml").read_text())["deployments"]
    names = set()
    for deployment in deployments:
        file, _, function = deployment["entrypoint"].partition(":")
        module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
        flow = getattr(module, function)
        names.add(f"{flow.name}/{deployment['name']}")
        triggers = deployment.get("triggers", [])
        from_event = {name for trigger in triggers for name in trigger["parameters"]}
        given = {**deployment["parameters"], **dict.fromkeys(from_event, "train/abc")}
        by_hand = ANNOTATION if flow.name == "annotate" else {}
        given |= by_hand
        assert (
            flow.validate_parameters(given).items() >= given.items()
        )  # a missing or unknown name raises
        assert by_hand or (root / deployment["parameters"]["params"]).is_file()
        assert deployment["work_pool"]["name"] in POOLS
        for_gpus = given.get("params", deployment["name"]).startswith(
            ("params/paper/", "corpus-gpu")
        )
        assert deployment["work_pool"]["name"] == ("gpu" if for_gpus else "cpu")
        waits = {NICE} if flow.name.startswith("reevaluate") else set()
        variables = deployment["work_pool"]["job_variables"]
        assert variables["env"].keys() == {HEARTBEAT} | waits
        assert variables["command"] == "python -m flows.running.deployment_process"
        assert deployment["tags"]
        for schedule in deployment.get("schedules", []):
            assert CronSchedule(**schedule).timezone == "UTC"
        for trigger in triggers:
            parsed = DeploymentEventTrigger.model_validate(trigger)
            assert parsed.expect == {"gner.checkpoint.published"}
    assert names == {
        *(f"gner/{name}" for name in ("demo", "tiny", "full-paper")),
        *(f"sweep/{name}" for name in SWEEPS),
        "annotate/corpus",
        "annotate/corpus-gpu",
        "reevaluate/on-new-checkpoint",
        "reevaluate-scan/nightly",
    }
    for automation in for_dead_runs(str(root)):  # what is not watched would seem to run for ever
        watched = automation.trigger.match_related.root["prefect.resource.name"]
        assert {*watched} == {name.partition("/")[0] for name in names}


def test_dead_runs_are_noticed_later_than_healthy_ones_show_signs_of_life(root: Path) -> None:
    zombies, _ = for_dead_runs(str(root))
    assert zombies.name == "crash-zombies"
    assert zombies.trigger.within.total_seconds() >= 2.5 * HEARTBEAT_SECONDS
    asked = "import flows.experiment, prefect; print(prefect.settings.get_current_settings().flows.heartbeat_frequency)"
    kept = {name: value for name, value in os.environ.items() if name != HEARTBEAT}
    said = subprocess.check_output([sys.executable, "-c", asked], cwd=root, env=kept, text=True)
    assert int(said) == HEARTBEAT_SECONDS  # of `gner run`, too


def test_a_study_completes_and_its_parts_share_their_task_runs(
    server: None,
    tiny_home: Home,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from flows.experiment import gner

    sweep = {
        "name": "one-beam",
        "base": str(root / "params" / "tiny.yaml"),
        "axes": {"beams": {"1": {"decode.beams": 1}}},
        "show": ["supervised/f1"],
        "figure": "beams",
    }
    study = {"name": "both", "parts": [str(root / "params" / "tiny.yaml"), "sweep.yaml"]}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    monkeypatch.chdir(root)
    monkeypatch.setenv("GNER_HOME", str(tiny_home.folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    state = gner(str(tmp_path / "study.yaml"), [], return_state=True)
    assert state.is_completed(), state.message
    assert "one-beam.html" in state.result()
    with get_client(sync_client=True) as client:
        (run,) = (run for run in client.read_flow_runs() if run.name == "study")
        tasks = _ended_task_runs(client, number=21, of=run)
        artifacts = {artifact.key for artifact in client.read_artifacts()}
    names = [task.name for task in tasks]
    assert len(names) == 21  # those of tiny, one more report, and that of the sweep
    assert {"train adaptation (2 points)", "report one-beam-1", "sweep-report one-beam"} <= {*names}
    assert {"report-both", "sweep-one-beam"} <= artifacts


def test_a_worker_without_a_checkout_is_told_what_is_missing(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "GNER_CHECKOUT"}
    asked = [sys.executable, "-m", "flows.running.deployment_process"]
    done = subprocess.run(
        asked, cwd=tmp_path, env=kept, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "GNER_CHECKOUT is not set" in done.stderr


def test_a_corpus_is_annotated_under_prefect(
    server: None, tiny_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.annotate import corpus

    monkeypatch.setenv("GNER_HOME", str(tiny_home.folder))
    monkeypatch.setattr("tasks.annotating.pool.WORKER", "tests.tasks.annotating.stub_worker")
    monkeypatch.setattr("tasks.workers.PRELOADED", ())
    backbone = next((tiny_home.folder / "store" / "backbone").iterdir())
    (tmp_path / "t.txt").write_text("Ada waves.\nBo waits.\nEve reads.")
    given = {
        "checkpoint": backbone.name,
        "data": [str(tmp_path / "t.txt")],
        "output": str(tmp_path / "out"),
        "types": ["person"],
        "part": 2,
    }
    state = corpus(**given, return_state=True)
    assert state.is_completed(), state.message
    with get_client(sync_client=True) as client:
        (run,) = (run for run in client.read_flow_runs() if run.name == given["output"])
        tasks = _ended_task_runs(client, number=2, of=run)
        artifacts = {artifact.key: artifact.data for artifact in client.read_artifacts()}
    assert {task.name for task in tasks} == {"annotate part 1", "annotate part 2"}
    (row,) = json.loads(artifacts["annotation"])
    assert (row["type"], row["entities"]) == ("person", "3")
    failed = corpus(**{**given, "data": [str(tmp_path / "none.txt")]}, return_state=True)
    assert failed.is_failed()
    assert failed.message.endswith("none.txt: no file of texts there")
