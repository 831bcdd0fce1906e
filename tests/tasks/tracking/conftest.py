"""MLflow in a file behind a link that a test can break, and what it has logged."""

import logging
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

from tasks.tracking import outbox
from tasks.tracking.tracker import Tracker


@dataclass
class Link:
    """The way to MLflow: there, away, or one-way (calls arrive, answers do not)."""

    state: str = "there"
    faults: int = 0
    refuses: dict[str, int] = field(default_factory=dict)
    """How often each of the client's methods is refused from now on."""


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch, database: Path, tmp_path: Path) -> Link:
    """MLflow in an SQLite file behind a link that a test can break; pauses are short."""
    link = Link()
    shutil.copy(database, tmp_path)

    class Client(MlflowClient):
        def __getattribute__(self, name: str) -> Any:
            value = super().__getattribute__(name)
            return value if name.startswith("_") else lambda *a, **k: call(value, *a, **k)

    def call(work: Any, *arguments: Any, **options: Any) -> Any:
        if left := link.refuses.get(work.__name__):
            link.refuses[work.__name__] = left - 1
            raise MlflowException("not for you", PERMISSION_DENIED)
        if link.state != "away":
            result = work(*arguments, **options)
            if link.state == "there":
                return result
        link.faults += 1
        raise MlflowException("API request failed") from ConnectionError("no answer")

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("mlflow.MlflowClient", Client)
    monkeypatch.setattr(outbox, "AWAY_SECONDS", 0.02)
    monkeypatch.setattr(outbox, "REFUSED_SECONDS", 0.01)
    return link


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "gner")
    return caplog


def start(home: Path) -> Tracker:
    return Tracker.start(name="toy", params={"a": {"b": 1}}, tags={}, home=home)


def until(seen: Any) -> None:
    deadline = time.monotonic() + 20
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def logged(uri: str, name: str) -> list[Any]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("gner")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    return [run for run in found if run.info.run_name == name]


def steps(uri: str, run: Any, metric: str = "loss") -> list[int]:
    history = MlflowClient(uri).get_metric_history(run.info.run_id, metric)
    return sorted(point.step for point in history)
