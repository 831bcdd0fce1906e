"""MLflow that is away neither fails nor stalls a run, and everything is logged once afterwards."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tasks.tracking import outbox
from tasks.tracking.server import is_away
from tests.tasks.tracking.conftest import Link, logged, start, steps, until


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
