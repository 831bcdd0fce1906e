"""Runs of steps go on as the same runs, below the right ones, and end with their flow run."""

import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from mlflow import MlflowClient

from gner_core.errors import Stopped
from gner_core.runtime.processes import this_process
from tasks.tracking.tracker import Tracker
from tests.tasks.tracking.conftest import Link, logged, start, steps


def test_a_run_left_open_goes_on_without_doubled_points(tmp_path: Path, link: Link) -> None:
    first = start(tmp_path)
    left_open = first.step_run("adaptation", key="k", kind="training", params={"lr": 1})
    run = left_open.__enter__()
    for step in (1, 2, 3):
        run.point({"loss": 1 / step, "speed": step}, step=step, at=step)
    run.flush()
    assert first.outbox.close() == 0  # and its process dies
    second = start(tmp_path)
    with second.step_run("adaptation", key="k", kind="training", params={"lr": 1}) as again:
        for step in (2, 3, 4):
            again.point({"loss": 1 / step}, step=step, at=9)
    second.finish("FINISHED")
    assert again.run_id == run.run_id
    (child,) = logged(second.mlflow.uri, "adaptation")
    assert steps(second.mlflow.uri, child) == [1, 2, 3, 4]
    assert steps(second.mlflow.uri, child, "speed") == [1, 2, 3]
    assert child.info.status == "FINISHED"
    assert child.data.tags["mlflow.parentRunId"] == second.parent.run_id


@pytest.mark.parametrize("fault", [RuntimeError("worker died"), Stopped("a signal")])
def test_a_run_that_was_ended_goes_on_as_the_same_run(
    tmp_path: Path, link: Link, fault: Exception
) -> None:
    for last, error in ((2, fault), (4, None)):
        tracker = start(tmp_path)
        params = {"lr": 1, "execution": {"train_batch": last}}
        with (
            pytest.raises(type(fault)) if error else nullcontext(),
            tracker.step_run("adaptation", key="k", kind="training", params=params) as run,
        ):
            for step in range(1, last + 1):  # from the journal, then what is new
                run.point({"loss": 1 / step}, step=step, at=step)
            if error:
                raise error
        tracker.finish("FINISHED")
        (child,) = logged(tracker.mlflow.uri, "adaptation")
        ended = "KILLED" if isinstance(fault, Stopped) else "FAILED"
        assert child.info.status == (ended if error else "FINISHED")
        assert child.data.params == {"lr": "1"}
        assert child.data.tags["execution.train_batch"] == str(last)
    assert steps(tracker.mlflow.uri, child) == [1, 2, 3, 4]


def test_the_first_point_of_a_step_counts(tmp_path: Path, link: Link) -> None:
    tracker = start(tmp_path)
    with tracker.step_run("adaptation", key="k", kind="training", params={}) as run:
        for at in (5, 6):  # of an attempt that was killed after its checkpoint, and of the next
            run.point({"speed": at}, step=1, at=at)
        run.flush()
        run.point({"speed": 7}, step=1, at=7)
    tracker.finish("FINISHED")
    (child,) = logged(tracker.mlflow.uri, "adaptation")
    (point,) = MlflowClient(tracker.mlflow.uri).get_metric_history(child.info.run_id, "speed")
    assert (point.value, point.timestamp) == (5, 5000)


def test_evaluations_are_below_the_training_that_this_flow_run_has_logged(
    tmp_path: Path, link: Link
) -> None:
    parents = []
    for _ in range(2):
        tracker = start(tmp_path)
        with tracker.step_run("fit", key="k", kind="training", params={}, reuse_as="fit"):
            pass
        key = str(len(parents))
        with tracker.step_run("test", key=key, kind="evaluation", params={}, within="k"):
            pass
        tracker.finish("FINISHED")
        parents.append(tracker.parent.run_id)
    (fit,) = logged(tracker.mlflow.uri, "fit")
    above = {
        run.data.tags["gner.key"]: run.data.tags["mlflow.parentRunId"]
        for run in logged(tracker.mlflow.uri, "test")
    }
    assert above == {"0": fit.info.run_id, "1": parents[1]}


def test_what_is_open_at_the_end_of_a_flow_run_is_closed(tmp_path: Path, link: Link) -> None:
    tracker = start(tmp_path)
    left_open = tracker.step_run("adaptation", key="k", kind="training", params={})
    left_open.__enter__()
    tracker.finish("KILLED")
    assert [run.info.status for run in logged(tracker.mlflow.uri, "adaptation")] == ["KILLED"]


def test_the_next_flow_run_closes_what_dead_processes_of_this_machine_left(
    tmp_path: Path, link: Link
) -> None:
    words = this_process().split("/")
    dead, elsewhere = [*words[:4], "1"], ["elsewhere", *words[1:4], "1"]
    first = start(tmp_path)
    first.finish("FINISHED")
    client = MlflowClient(first.mlflow.uri)
    experiment = client.get_experiment_by_name("gner")
    assert experiment is not None
    owners = {"dead": dead, "done": dead, "alive": words, "elsewhere": elsewhere}
    for name, owner in owners.items():
        tags = {"gner.process": "/".join(owner), "gner.complete": "yes" if name == "done" else ""}
        made = client.create_run(experiment.experiment_id, 1000, tags, name)
        client.log_metric(made.info.run_id, "loss", 1.0, timestamp=5000, step=1)
    start(tmp_path).finish("FINISHED")
    closed = {name: logged(first.mlflow.uri, name)[0].info for name in owners}
    assert {name: info.status for name, info in closed.items()} == {
        "dead": "KILLED",
        "done": "FINISHED",
        "alive": "RUNNING",
        "elsewhere": "RUNNING",
    }
    assert closed["dead"].end_time == 5000  # its last sign of life


def test_a_complete_run_is_linked_and_not_logged_again(tmp_path: Path, link: Link) -> None:
    for _ in range(2):
        tracker = start(tmp_path)
        with tracker.step_run("fit", key="k", kind="training", params={}, reuse_as="it") as run:
            run.point({"loss": 1.0}, step=1, at=time.time())
            run.table("t.json", lambda: {"a": [1]})
        tracker.finish("FINISHED")
    (child,) = logged(tracker.mlflow.uri, "fit")
    assert steps(tracker.mlflow.uri, child) == [1]
    parent = MlflowClient(tracker.mlflow.uri).get_run(str(tracker.parent.run_id))
    assert parent.data.tags["gner.reused.it"] == child.info.run_id


def test_where_nothing_is_tracked_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tracker = Tracker.untracked()
    with tracker.step_run("train", key="k", kind="training", params={"a": 1}) as run:
        run.point({"loss": 1.0}, step=1, at=time.time())
    tracker.outbox.put("a model", lambda: MlflowClient().create_registered_model("gner"))
    tracker.finish("FINISHED")
    assert list(tmp_path.iterdir()) == []
    assert caplog.records == []
