"""The flow under Prefect: a server of its own for this module, steps taken from the shared store."""

import importlib
import inspect
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient
from prefect.client.orchestration import get_client
from prefect.testing.utilities import prefect_test_harness

from tests.flows.conftest import Home


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


def test_the_flow_completes_with_its_task_runs_and_artifacts(
    server: None, tiny_home: Home, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.gner import gner

    monkeypatch.chdir(root)
    monkeypatch.setenv("GNER_HOME", str(tiny_home.folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    state = gner("params/tiny.yaml", [], return_state=True)
    assert state.is_completed(), state.message
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs()
        deadline = time.monotonic() + 30  # the server learns of task runs by events, a little later
        while len(tasks := client.read_task_runs()) < 19 and time.monotonic() < deadline:
            time.sleep(0.2)
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


def test_every_deployment_names_a_flow_and_a_params_file_that_exist(root: Path) -> None:
    deployments = yaml.safe_load((root / "prefect.yaml").read_text())["deployments"]
    assert {"demo", "full-paper"} <= {deployment["name"] for deployment in deployments}
    for deployment in deployments:
        file, _, function = deployment["entrypoint"].partition(":")
        module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
        accepted = inspect.signature(getattr(module, function).fn).parameters
        assert set(deployment["parameters"]) <= set(accepted)
        assert (root / deployment["parameters"]["params"]).is_file()
