"""MLflow neither fails nor stalls a run, and everything is logged once, also after an outage."""

import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

from gner_core.errors import Stopped
from gner_core.runtime.processes import this_process
from tasks.tracking import outbox
from tasks.tracking.names import mlflow_name
from tasks.tracking.server import is_away
from tasks.tracking.tracker import Tracker


@dataclass
class Link:
    """The way to MLflow: there, away, or one-way (calls arrive, answers do not)."""

    state: str = "there"
    faults: int = 0
    refuses: dict[str, int] = field(default_factory=dict)
    """How often each of the client's methods is refused from now on."""


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


@pytest.mark.parametrize("trouble", ["away", "one-way"])
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
    until(lambda: not tracker.outbox.unmade)
    tracker.finish("FINISHED")
    uri = tracker.mlflow.uri
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
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        tracker = start(tmp_path)
        began = time.monotonic()
        with tracker.step_run("adaptation", key="k", kind="training", params={}) as run:
            run.point({"loss": 1.0}, step=1, at=time.time())
        assert time.monotonic() - began < 0.5
        tracker.finish("FINISHED")
        assert time.monotonic() - began < 15


FOREVER = 1000


def log_adaptation(home: Path) -> Tracker:
    """Log the same training, with a data set, a point and a figure."""
    tracker = start(home)
    with tracker.step_run("adaptation", key="k", kind="training", params={"lr": 1}) as run:
        run.dataset(name="news", digest="d", source="file", context="training")
        run.point({"loss": 1.0}, step=1, at=5)
        run.values({"f1": 0.5})
    tracker.finish("FINISHED")
    return tracker


def refusals(said: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in said.records if " refuses " in record.message]


def test_a_refused_call_costs_only_itself_and_the_next_run_makes_it(
    tmp_path: Path, link: Link, said: pytest.LogCaptureFixture
) -> None:
    link.refuses["log_inputs"] = FOREVER
    tracker = log_adaptation(tmp_path)
    (child,), (parent,) = (
        logged(tracker.mlflow.uri, "adaptation"),
        logged(tracker.mlflow.uri, "toy"),
    )
    assert (child.info.status, parent.info.status) == ("FINISHED", "FINISHED")
    assert (child.data.metrics, child.data.params) == ({"loss": 1.0, "f1": 0.5}, {"lr": "1"})
    assert "gner.complete" not in child.data.tags
    first, last = refusals(said)
    assert "refuses data set news of adaptation (MlflowException: not for you)" in first
    assert first.endswith("tried again at the end") and last.endswith("it is not tracked")
    assert "2 calls were not made" in said.records[-1].message  # the other one: the mark
    assert FOREVER - link.refuses["log_inputs"] == 4
    link.refuses.clear()
    log_adaptation(tmp_path)
    (again,) = logged(tracker.mlflow.uri, "adaptation")
    assert again.info.run_id == child.info.run_id
    assert again.data.tags["gner.complete"] == "yes"
    assert [given.dataset.name for given in again.inputs.dataset_inputs] == ["news"]
    assert steps(tracker.mlflow.uri, again) == [1]


@pytest.mark.parametrize("method", ["create_run", "log_batch", "log_inputs", "set_tag"])
def test_what_was_refused_for_a_while_is_there_at_the_end(
    tmp_path: Path, link: Link, said: pytest.LogCaptureFixture, method: str
) -> None:
    link.refuses[method] = outbox.TRIES
    tracker = log_adaptation(tmp_path)
    (child,), (parent,) = (
        logged(tracker.mlflow.uri, "adaptation"),
        logged(tracker.mlflow.uri, "toy"),
    )
    assert (child.data.metrics, child.data.params) == ({"loss": 1.0, "f1": 0.5}, {"lr": "1"})
    assert child.data.tags["gner.complete"] == "yes"
    assert parent.data.params == {"a.b": "1"}
    assert len(refusals(said)) == 1


def test_of_runs_that_cannot_be_opened_there_is_one_line_each_and_one_at_the_end(
    tmp_path: Path, link: Link, said: pytest.LogCaptureFixture
) -> None:
    link.refuses["create_run"] = FOREVER
    tracker = log_adaptation(tmp_path)
    assert logged(tracker.mlflow.uri, "adaptation") == []
    words = [line.split(" refuses ")[1].split(" (")[0] for line in refusals(said)]
    assert words == ["opening of the flow run", "opening of adaptation"] * 2
    assert len(said.records) == 5


def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, link: Link, said: pytest.LogCaptureFixture
) -> None:
    tracker = start(tmp_path)
    tracker.parent.file(tmp_path / "report.html")
    tracker.parent.values({"f1": 0.5})
    tracker.finish("FINISHED")
    (parent,) = logged(tracker.mlflow.uri, "toy")
    assert (parent.info.status, parent.data.metrics) == ("FINISHED", {"f1": 0.5})
    assert "refuses file report.html of the flow run (FileNotFoundError" in refusals(said)[0]


ODD_NAMES = (
    *("Drug (brand)", "Drug [brand]", "R&D", "a, b", "it's", "50 %", "a@b", "a{b}", "two\nlines"),
    *("", ".", "..", "../up", "/root", "end/", "a//b", "a/./b", "a/../b", "x" * 300, "x" * 301),
)


def test_names_that_mlflow_does_not_take_are_rewritten_and_stay_apart(
    tmp_path: Path, link: Link, said: pytest.LogCaptureFixture
) -> None:
    names = {name: float(number) for number, name in enumerate(ODD_NAMES)}
    tracker = start(tmp_path)
    with tracker.step_run("adaptation", key="k", kind="training", params={"labels": names}) as run:
        run.values(names)
        run.tags(dict.fromkeys(names, "seen"))
        run.dataset(name=ODD_NAMES[0], digest="d", source="file", context="training")
        run.table("scores (all).json", lambda: {"a": [1]})
    tracker.finish("FINISHED")
    (child,) = logged(tracker.mlflow.uri, "adaptation")
    assert child.data.tags["gner.complete"] == "yes"
    assert sorted(child.data.metrics.values()) == list(range(len(ODD_NAMES)))
    assert len(child.data.params) == len(ODD_NAMES)
    assert list(child.data.tags.values()).count("seen") == len(ODD_NAMES)
    (file,) = MlflowClient(tracker.mlflow.uri).list_artifacts(child.info.run_id)
    assert file.path.startswith("scores _all_.json-")
    assert said.records == []


def test_a_name_that_mlflow_takes_stays_and_only_the_faulty_part_of_another_changes() -> None:
    assert mlflow_name("zero-shot/MIT movie: é.1/f1") == "zero-shot/MIT movie: é.1/f1"
    assert re.fullmatch(r"news/Drug _brand_-[0-9a-f]{6}/f1", mlflow_name("news/Drug (brand)/f1"))
    assert len(mlflow_name("x" * 300)) == 250


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The statuses with which a server in place of MLflow answers; MLFLOW_TRACKING_URI names it."""
    statuses: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses[-1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        yield statuses
        server.shutdown()


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_a_server_that_says_try_again_later_is_away(answers: list[int], status: int) -> None:
    answers.append(status)
    assert is_away(fault_of_a_call())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500, 501])
def test_a_server_that_refuses_is_not_away(answers: list[int], status: int) -> None:
    answers.append(status)
    assert not is_away(fault_of_a_call())


def fault_of_a_call() -> Exception:
    with pytest.raises(MlflowException) as fault:
        MlflowClient(os.environ["MLFLOW_TRACKING_URI"]).get_experiment("1")
    return fault.value


def test_a_file_that_the_artifact_store_refuses_is_no_outage(answers: list[int]) -> None:
    answers.append(403)
    with pytest.raises(requests.HTTPError) as fault:
        requests.get(os.environ["MLFLOW_TRACKING_URI"], timeout=5).raise_for_status()
    assert not is_away(fault.value)
    assert not is_away(PermissionError("mlartifacts"))


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
        with (
            pytest.raises(type(fault)) if error else nullcontext(),
            tracker.step_run("adaptation", key="k", kind="training", params={"lr": 1}) as run,
        ):
            for step in range(1, last + 1):  # from the journal, then what is new
                run.point({"loss": 1 / step}, step=step, at=step)
            if error:
                raise error
        tracker.finish("FINISHED")
        (child,) = logged(tracker.mlflow.uri, "adaptation")
        ended = "KILLED" if isinstance(fault, Stopped) else "FAILED"
        assert child.info.status == (ended if error else "FINISHED")
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
    monkeypatch.setattr(outbox, "AWAY_SECONDS", 0.5)
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
    tracker = Tracker.untracked()
    with tracker.step_run("train", key="k", kind="training", params={"a": 1}) as run:
        run.point({"loss": 1.0}, step=1, at=time.time())
    tracker.outbox.put("a model", lambda: MlflowClient().create_registered_model("gner"))
    tracker.finish("FINISHED")
    assert list(tmp_path.iterdir()) == []
    assert caplog.records == []
