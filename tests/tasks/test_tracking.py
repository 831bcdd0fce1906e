"""MLflow never fails a run, and nothing is logged twice."""

import logging
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tasks.tracking import Tracker


def start(home: Path) -> Tracker:
    return Tracker.start(name="toy", params={"a": {"b": 1}}, tags={}, home=home)


def test_a_server_that_is_not_there_switches_tracking_off_with_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    logging.getLogger("gner").propagate = True
    tracker = start(tmp_path)
    with tracker.step_run("adaptation", key="k", kind="training", params={}) as run:
        run.point({"loss": 1.0}, step=1)
        run.table("t.json", {"a": [1]})
    tracker.finish("FINISHED")
    assert sum("tracking is off" in record.message for record in caplog.records) == 1


def test_a_run_left_open_goes_on_without_doubled_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    first = start(tmp_path)
    left_open = first.step_run("adaptation", key="k", kind="training", params={"lr": 1})
    run = left_open.__enter__()
    for step in (1, 2, 3):
        run.point({"loss": 1 / step}, step=step)
    run.flush()
    second = start(tmp_path)
    assert second.logged("k") is None
    with second.step_run("adaptation", key="k", kind="training", params={"lr": 1}) as again:
        assert again.run_id == run.run_id
        for step in (2, 3, 4):
            again.point({"loss": 1 / step}, step=step)
    client = MlflowClient(second.uri)
    history = client.get_metric_history(str(run.run_id), "loss")
    assert [metric.step for metric in history] == [1, 2, 3, 4]
    assert second.logged("k") == run.run_id
    assert client.get_run(str(run.run_id)).info.status == "FINISHED"
