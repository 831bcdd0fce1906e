"""MLflow neither fails nor stalls a run, and everything is logged once, also after an outage."""

import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from gner_core.errors import Stopped
from gner_core.runtime.processes import this_process
from tasks.tracking import outbox
from tasks.tracking.tracker import Tracker


@dataclass
class Link:
    """The way to MLflow: there, away, or deaf (calls arrive, answers do not)."""

    state: str = "there"
    faults: int = 0


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file of MLflow without runs; making one takes seconds."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").get_experiment_by_name("gner")
    return file


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
        if link.state != "away":
            result = work(*arguments, **options)
            if link.state == "there":
                return result
        link.faults += 1
        raise MlflowException("no answer")

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("mlflow.MlflowClient", Client)
    monkeypatch.setattr(outbox, "PAUSE_SECONDS", 0.02)
    return link


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    logging.getLogger("gner").propagate = True
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


@pytest.mark.parametrize("trouble", ["away", "deaf"])
@pytest.mark.parametrize("moment", ["start", "middle", "end"])
def test_after_an_outage_everything_is_there_once(
    tmp_path: Path, link: Link, said: pytest.LogCaptureFixture, moment: str, trouble: str
) -> None:
    def outage(now: str) -> None:
        if now == moment:
            before = link.faults
            link.state = trouble
            run_on.append(lambda: link.faults > before + 1)

    run_on: list[Any] = []
    outage("start")
    tracker = start(tmp_path)
    with tracker.step_run("adaptation", key="k", kind="training", params={"lr": 1}) as run:
        for step in range(1, 10):
            run.point({"loss": 1 / step}, step=step, at=time.time())
            run.flush()
            if step == 4:
                outage("middle")
        run.table("t.json", lambda: {"a": [1, 2], "b": ["x", "y"]})
        run.values({"f1": 0.5})
    outage("end")
    tracker.parent.tags({"x": "y"})
    for seen in run_on:
        until(seen)
    link.state = "there"
    until(lambda: not tracker.outbox._work)
    tracker.finish("FINISHED")
    uri = tracker.uri
    (child,), (parent,) = logged(uri, "adaptation"), logged(uri, "toy")
    assert steps(uri, child) == list(range(1, 10))
    assert steps(uri, child, "f1") == [0]
    assert (child.info.status, parent.info.status) == ("FINISHED", "FINISHED")
    assert child.data.params == {"lr": "1"}
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    table = MlflowClient(uri).download_artifacts(child.info.run_id, "t.json", str(tmp_path))
    assert pd.read_json(table, orient="split").to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    assert json.loads(child.data.tags["mlflow.loggedArtifacts"])[0]["type"] == "table"
    assert sum("does not answer" in record.message for record in said.records) == 1
    assert sum("answers again" in record.message for record in said.records) == 1


def test_a_server_that_never_comes_costs_two_warnings_and_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    began = time.monotonic()
    tracker = start(tmp_path)
    with tracker.step_run("adaptation", key="k", kind="training", params={}) as run:
        for step in range(5000):
            run.point({"loss": 1.0}, step=step, at=time.time())
        run.table("t.json", lambda: {"a": [1]})
    assert time.monotonic() - began < 1
    tracker.finish("FINISHED")
    assert time.monotonic() - began < 15
    warnings = [record.message for record in said.records]
    assert len(warnings) == 2
    assert "MLflow at http://127.0.0.1:9 does not answer" in warnings[0]
    assert "by the next run of the same command" in warnings[1]


def test_a_server_that_hears_and_never_answers_does_not_hold_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        tracker = start(tmp_path)
        began = time.monotonic()
        with tracker.step_run("adaptation", key="k", kind="training", params={}) as run:
            run.point({"loss": 1.0}, step=1, at=time.time())
        assert time.monotonic() - began < 0.5
        tracker.finish("FINISHED")
        assert time.monotonic() - began < 15


def test_what_mlflow_refuses_is_left_out_and_the_rest_goes_on(
    tmp_path: Path, link: Link, said: pytest.LogCaptureFixture
) -> None:
    tracker = start(tmp_path)
    with tracker.step_run("adaptation", key="k", kind="training", params={}) as run:
        run.values({"a name @ that {no} one takes": 1.0})
        run.file(tmp_path / "not there")
        run.point({"loss": 1.0}, step=1, at=time.time())
    tracker.finish("FINISHED")
    assert sum("something is not tracked" in record.message for record in said.records) == 2
    (child,) = logged(tracker.uri, "adaptation")
    assert steps(tracker.uri, child) == [1]


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
    (child,) = logged(second.uri, "adaptation")
    assert steps(second.uri, child) == [1, 2, 3, 4]
    assert steps(second.uri, child, "speed") == [1, 2, 3]
    assert child.info.status == "FINISHED"
    assert child.data.tags["mlflow.parentRunId"] == second.parent.run_id


@pytest.mark.parametrize("fault", [RuntimeError("worker died"), Stopped("a signal")])
def test_a_run_that_was_ended_goes_on_as_the_same_run(
    tmp_path: Path, link: Link, fault: Exception
) -> None:
    for last, error in ((2, fault), (4, None)):
        tracker = start(tmp_path)
        with (
            pytest.raises(type(fault)) if error else nullcontext(),
            tracker.step_run("adaptation", key="k", kind="training", params={"lr": 1}) as run,
        ):
            for step in range(1, last + 1):  # from the journal, then what is new
                run.point({"loss": 1 / step}, step=step, at=step)
            if error:
                raise error
        tracker.finish("FINISHED")
        (child,) = logged(tracker.uri, "adaptation")
        ended = "KILLED" if isinstance(fault, Stopped) else "FAILED"
        assert child.info.status == (ended if error else "FINISHED")
    assert steps(tracker.uri, child) == [1, 2, 3, 4]


def test_the_first_point_of_a_step_counts(tmp_path: Path, link: Link) -> None:
    tracker = start(tmp_path)
    with tracker.step_run("adaptation", key="k", kind="training", params={}) as run:
        for at in (5, 6):  # of an attempt that was killed after its checkpoint, and of the next
            run.point({"speed": at}, step=1, at=at)
        run.flush()
        run.point({"speed": 7}, step=1, at=7)
    tracker.finish("FINISHED")
    (child,) = logged(tracker.uri, "adaptation")
    (point,) = MlflowClient(tracker.uri).get_metric_history(child.info.run_id, "speed")
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
    (fit,) = logged(tracker.uri, "fit")
    above = {
        run.data.tags["gner.key"]: run.data.tags["mlflow.parentRunId"]
        for run in logged(tracker.uri, "test")
    }
    assert above == {"0": fit.info.run_id, "1": parents[1]}


def test_what_is_open_at_the_end_of_a_flow_run_is_closed(tmp_path: Path, link: Link) -> None:
    tracker = start(tmp_path)
    left_open = tracker.step_run("adaptation", key="k", kind="training", params={})
    left_open.__enter__()
    tracker.finish("KILLED")
    assert [run.info.status for run in logged(tracker.uri, "adaptation")] == ["KILLED"]


def test_the_next_flow_run_closes_what_dead_processes_of_this_machine_left(
    tmp_path: Path, link: Link
) -> None:
    words = this_process().split("/")
    dead, elsewhere = [*words[:4], "1"], ["elsewhere", *words[1:4], "1"]
    first = start(tmp_path)
    first.finish("FINISHED")
    client = MlflowClient(first.uri)
    experiment = client.get_experiment_by_name("gner")
    assert experiment is not None
    owners = {"dead": dead, "done": dead, "alive": words, "elsewhere": elsewhere}
    for name, owner in owners.items():
        tags = {"gner.process": "/".join(owner), "gner.complete": "yes" if name == "done" else ""}
        made = client.create_run(experiment.experiment_id, 1000, tags, name)
        client.log_metric(made.info.run_id, "loss", 1.0, timestamp=5000, step=1)
    start(tmp_path).finish("FINISHED")
    closed = {name: logged(first.uri, name)[0].info for name in owners}
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
    (child,) = logged(tracker.uri, "fit")
    assert steps(tracker.uri, child) == [1]
    parent = MlflowClient(tracker.uri).get_run(str(tracker.parent.run_id))
    assert parent.data.tags["gner.reused.it"] == child.info.run_id


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Any]:
    """A function that starts MLflow's own server on the same port and data each time."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    running: list[subprocess.Popen[bytes]] = []

    def begin() -> tuple[str, "subprocess.Popen[bytes]"]:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        data = ["--backend-store-uri", f"sqlite:///{tmp_path}/m.db", "--workers", "1"]
        files = ["--artifacts-destination", str(tmp_path / "files"), "--port", str(port)]
        process = subprocess.Popen(
            [*command, *data, *files],
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        running.append(process)
        uri = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{uri}/health", timeout=2)
            except OSError:
                time.sleep(0.2)
            else:
                break
        return uri, process

    yield begin
    for process in running:
        kill_group(process)


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, 9)
        process.wait()


@pytest.mark.slow
def test_the_real_server_dies_in_the_middle_and_comes_back(
    tmp_path: Path, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, process = server()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setattr(outbox, "PAUSE_SECONDS", 0.5)
    tracker = start(tmp_path)
    longest = 0.0
    with tracker.step_run("adaptation", key="k", kind="training", params={"lr": 1}) as run:
        for step in range(1, 61):
            began = time.monotonic()
            run.point({"loss": 1 / step}, step=step, at=time.time())
            run.flush()
            longest = max(longest, time.monotonic() - began)
            if step == 20:
                until(lambda: run.sent["loss"])
                kill_group(process)
            time.sleep(0.02)
        server()
        run.table("t.json", lambda: {"a": [1]})
    tracker.finish("FINISHED")
    assert longest < 0.1
    (child,) = logged(uri, "adaptation")
    assert steps(uri, child) == list(range(1, 61))
    assert child.info.status == "FINISHED"
    assert [file.path for file in MlflowClient(uri).list_artifacts(child.info.run_id)] == ["t.json"]


def test_where_nothing_is_tracked_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tracker = Tracker("", artifacts=None)
    with tracker.step_run("train", key="k", kind="training", params={"a": 1}) as run:
        run.point({"loss": 1.0}, step=1, at=time.time())
    tracker.outbox.put(lambda: MlflowClient().create_registered_model("gner"))
    tracker.finish("FINISHED")
    assert list(tmp_path.iterdir()) == []
    assert caplog.records == []
