"""`gner up` and `gner down`: what runs, where it listens, what is stored, and that nothing is left."""

import json
import signal
import socket
import sqlite3
import subprocess
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from gner_core.errors import InputError
from tasks.services.machine import RECORD, Services, marked
from tests.benchmarks.overhead import measure_overhead
from tests.flows.conftest import GNER, PLANTED, Home, files_holding

DEMOS = ("scaling-law", "beam-size", "schema-ablation", "matching-ablation")
SWEEPS = (
    *DEMOS,
    "paper-zero-shot",
    "paper-compared",
    "paper-same-backbone",
    *(f"paper-{name}" for name in DEMOS),
)
DEPLOYED = {
    "gner": {"demo", "tiny", "full-paper"},
    "sweep": {*SWEEPS},
    "annotate": {"corpus", "corpus-gpu"},
    "reevaluate": {"on-new-checkpoint"},
    "reevaluate-scan": {"nightly"},
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Machine:
    """A home with services on ports of its own."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.prefect, self.mlflow = free_port(), free_port()
        self.ports = ("--prefect-port", str(self.prefect), "--mlflow-port", str(self.mlflow))
        self.api = f"http://127.0.0.1:{self.prefect}/api"

    def up(self) -> subprocess.CompletedProcess[str]:
        """Start as a script's `command &` does: with SIGINT ignored."""
        return subprocess.run(
            [*GNER, "up", *self.ports],
            cwd=self.home.root,
            env=self.home.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )

    def post(self, path: str, **body: Any) -> Any:
        given = httpx.post(f"{self.api}{path}", json=body, timeout=30)
        given.raise_for_status()
        return given.json()

    def state_of(self, run: str) -> str:
        return str(httpx.get(f"{self.api}/flow_runs/{run}", timeout=30).json()["state_type"])

    def start(self, deployment: str, **parameters: Any) -> str:
        found = httpx.get(f"{self.api}/deployments/name/{deployment}", timeout=30).json()
        path = f"/deployments/{found['id']}/create_flow_run"
        return str(self.post(path, parameters=parameters, state={"type": "SCHEDULED"})["id"])

    def foreign_run(self) -> str:
        """Create a run of another project's flow."""
        flow = self.post("/flows/", name="of-others")
        return str(self.post("/flow_runs/", flow_id=flow["id"])["id"])

    def reported(self, run: str, *states: str) -> None:
        """Set states one after the other, each a type and, where it is another, a name."""
        for state in states:
            kind, *name = state.split()
            given = {"type": kind, "name": name[0] if name else kind.capitalize()}
            self.post(f"/flow_runs/{run}/set_state", state=given, force=True)

    def database(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.home.folder / "prefect" / "prefect.db")) as database:
            return database.execute(query).fetchall()


@pytest.fixture
def machine(tmp_path: Path, root: Path) -> Any:
    given = Machine(Home(tmp_path / "home", root))
    yield given
    services = Services(given.home.folder)
    services.down(say=len)
    assert marked(services.mark) == []


def wait_for(what: Any, *, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.3)
    return found


def test_a_taken_port_is_named_and_nothing_is_left_running(machine: Machine) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", machine.mlflow))
        other.listen()
        refused = machine.home.gner("up", *machine.ports)
    assert refused.code == 2
    assert f"port {machine.mlflow} of 127.0.0.1 for mlflow: Address already in use" in refused.err
    assert len(refused.err.strip().splitlines()) == 1
    assert not (machine.home.folder / RECORD).exists()


def test_the_life_of_a_machine(machine: Machine) -> None:
    up = machine.up()
    assert up.returncode == 0, up.stdout + up.stderr
    assert f"export PREFECT_API_URL={machine.api}" in up.stdout
    mark = json.loads((machine.home.folder / RECORD).read_text())["mark"]
    processes = marked(mark)
    assert 3 <= len(processes) <= 6

    listening = [c for p in processes for c in p.net_connections() if c.status == "LISTEN"]
    assert {machine.prefect, machine.mlflow} <= {c.laddr.port for c in listening}
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}

    services = Services(machine.home.folder)
    assert services.settings
    assert services.up(services.settings, say=len) == []  # it is up already
    with pytest.raises(InputError, match=f"prefect_port {machine.prefect}; `gner down` ends them"):
        services.up(replace(services.settings, prefect_port=free_port()), say=len)
    assert marked(mark) == processes

    assert {pool["name"] for pool in machine.post("/work_pools/filter")} >= {"cpu", "gpu"}
    automations = {a["name"]: a["enabled"] for a in machine.post("/automations/filter")}
    event = "reevaluate-new-checkpoint"
    assert {*automations} >= {"crash-zombies", "crash-unstarted", event}
    assert all(automations.values())
    switched = machine.home.gner("up", *machine.ports, "--no-reevaluate")
    assert switched.code == 0, switched.err
    automations = {a["name"]: a["enabled"] for a in machine.post("/automations/filter")}
    assert [name for name, enabled in automations.items() if not enabled] == [event]
    deployments = machine.post("/deployments/filter")
    for flow, names in DEPLOYED.items():
        (known,) = machine.post("/flows/filter", flows={"name": {"any_": [flow]}})
        assert {d["name"] for d in deployments if d["flow_id"] == known["id"]} == names
    steps = [next(iter(d["pull_steps"][0].values())) for d in deployments]
    assert {step["directory"] for step in steps} == {"{{ $GNER_CHECKOUT }}"}

    (nightly,) = (d for d in deployments if d["name"] == "nightly")  # broken pins make none
    planned = {"deployments": {"id": {"any_": [nightly["id"]]}}, "limit": 5}
    runs = wait_for(lambda: machine.post("/flow_runs/filter", **planned), seconds=90)
    assert {run["state_type"] for run in runs} == {"SCHEDULED"}

    down = machine.home.gner("down")
    assert down.code == 0, down.out + down.err
    seconds = dict(
        line.split(maxsplit=1) for line in down.out.splitlines() if "ended after" in line
    )
    assert {*seconds} == {"worker-cpu", "mlflow", "prefect"}
    assert float(seconds["worker-cpu"].split()[2]) < 15  # it hears SIGINT
    assert marked(mark) == []
    assert not (machine.home.folder / RECORD).exists()
    assert Services(machine.home.folder).down(say=len) == []
    assert files_holding(machine.home.folder, PLANTED.values()) == []


@pytest.mark.slow
def test_runs_end_properly_and_keep_no_secrets(machine: Machine) -> None:
    """A run completes and is shown; one in the middle of a training is cancelled by `down`."""
    assert machine.up().returncode == 0
    mark = Services(machine.home.folder).mark
    first = machine.start("gner/tiny")
    wait_for(lambda: machine.state_of(first) != "SCHEDULED", seconds=10)  # workers ask every 2 s
    wait_for(
        lambda: machine.state_of(first) not in {"SCHEDULED", "PENDING", "RUNNING"}, seconds=240
    )
    assert machine.state_of(first) == "COMPLETED"
    artifacts = {a["key"]: a for a in machine.post("/artifacts/filter")}
    assert {"report-tiny", "scores-supervised", "mlflow-run", "all-runs-compared"} <= {*artifacts}
    report = (machine.home.folder / "reports" / "tiny.html").read_text()
    assert f"http://127.0.0.1:{machine.mlflow}/#/experiments/" in report
    assert f'/runs/flow-run/{first}">Prefect run</a>' in report

    slow = ["stages.adaptation.train.seed=7", "stages.adaptation.train.epochs=200"]
    second = machine.start("gner/tiny", params="params/tiny.yaml", overrides=slow)
    running = machine.home.folder.glob
    wait_for(lambda: list(running("work/unfinished/train/*/checkpoint-*")), seconds=240)
    workers = [p for p in marked(mark) if "gner_core.runtime.fork_server" in " ".join(p.cmdline())]
    assert workers
    down = machine.home.gner("down")
    assert down.code == 0, down.out + down.err
    assert f"run tiny, {', '.join(sorted(slow))} is cancelled" in down.out
    assert marked(mark) == []
    assert not any(worker.is_running() for worker in workers)
    states = dict(machine.database("select id, state_type from flow_run"))
    assert states[second] == "CANCELLED"
    assert files_holding(machine.home.folder, PLANTED.values()) == []


@pytest.mark.slow
def test_runs_that_nobody_is_left_to_report_become_crashed(machine: Machine) -> None:
    """Killed workers and flows are played by setting what they had reported before they died."""
    assert machine.up().returncode == 0
    taken, begun, ended = (machine.start("gner/full-paper") for _ in range(3))  # no GPU worker
    waiting = machine.start("gner/full-paper")
    foreign = machine.foreign_run()
    machine.reported(taken, "PENDING", "PENDING Submitting")
    machine.reported(begun, "PENDING", "RUNNING")
    machine.reported(ended, "PENDING", "RUNNING", "COMPLETED")
    machine.reported(foreign, "PENDING")
    wait_for(lambda: machine.state_of(begun) == "CRASHED", seconds=90 + 30)
    assert machine.state_of(taken) == "PENDING"  # a slow start is not taken for a dead worker
    wait_for(lambda: machine.state_of(taken) == "CRASHED", seconds=90 + 30)
    time.sleep(15)
    assert machine.state_of(ended) == "COMPLETED"
    assert machine.state_of(waiting) == "SCHEDULED"
    assert machine.state_of(foreign) == "PENDING"


@pytest.mark.slow
def test_orchestration_adds_little_to_the_bare_steps(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    monkeypatch.setenv("GNER_HOME", str(tmp_path))  # is set by the measurement, so is put back
    (bare,), (run,), (deployment,) = measure_overhead(
        root / "params" / "tiny.yaml", [], rounds=1, folder=tmp_path, say=print
    ).values()
    assert run - bare < max(10, 0.05 * bare)
    assert deployment - bare < max(15, 0.1 * bare)
