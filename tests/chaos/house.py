"""Starts runs, as a command or as a deployment run, and says how they end.

Owns servers and workers (`tasks.services.machine`) on ports of their own, one home folder a run, and the
two ways to start one. Everything is below one folder.

Example:
    with House(Path("/tmp/chaos"), ports=(4901, 4902)) as house:
        run = house.command(home, overrides=[], mark="1")
        run.ended(seconds=100)     # "0"
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import httpx
import psutil
from mlflow import MlflowClient
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Cancelling

from tasks.services.machine import Services
from tasks.services.prefect import for_dead_runs
from tasks.services.settings import Settings
from tests.chaos.checks import tracked
from tests.chaos.marked import MARK, marked

ROOT = Path(__file__).parents[2]
PARAMS, DEPLOYMENT = "params/tiny.yaml", "gner/demo"
POOL = "cpu"
WORKER = f"worker-{POOL}"
SERVERS = ("prefect", "mlflow", WORKER)
GOOD = ("0", "COMPLETED")


class Run(Protocol):
    """A run that was started."""

    def ended(self, *, seconds: float) -> str:
        """Wait until its flow process has ended; exit code, or state of the deployment run."""

    def is_running(self) -> bool:
        """Say whether it has not ended, as far as can be seen at once."""


class Command:
    """A plain `gner run`."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process

    def ended(self, *, seconds: float) -> str:
        """Wait for the exit code."""
        with suppress(subprocess.TimeoutExpired):
            return str(self.process.wait(seconds))
        return "no end"

    def is_running(self) -> bool:
        """Say whether the process runs."""
        return self.process.poll() is None


class DeploymentRun:
    """A flow run that a Prefect worker executes."""

    FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
    REPORT_SECONDS = 6.0
    """For a worker to report the end of a flow process."""

    def __init__(self, house: "House", run: Any, mark: str) -> None:
        self.house, self.id, self.mark = house, run, mark
        self.started = False

    def state(self) -> str:
        """Ask the server, which may be away."""
        with suppress(httpx.HTTPError, PrefectHTTPStatusError), self.house.prefect() as client:
            return str(client.read_flow_run(self.id).state_type.value)
        return "unknown"

    def is_running(self) -> bool:
        """Say whether its process was not seen yet, or is there."""
        there = bool(marked(self.mark))
        self.started = self.started or there
        return there or not self.started

    def ended(self, *, seconds: float) -> str:
        """Wait for a final state, or for the end of a process that nobody reports."""
        deadline, gone = time.monotonic() + seconds, None
        while time.monotonic() < deadline:
            state = self.state()
            if state in self.FINAL:
                return state
            if self.started and not self.is_running():
                gone = gone or time.monotonic()
                if time.monotonic() - gone > self.REPORT_SECONDS and state != "unknown":
                    return state
            self.is_running()
            time.sleep(0.3)
        return "no end"


class House:
    """Servers, workers and homes below one folder."""

    def __init__(self, folder: Path, *, ports: tuple[int, int]) -> None:
        self.folder = folder
        self.ports = ports
        self.services: Services | None = None
        self.marks: list[str] = []
        """Of all runs that were started."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for mark in self.marks:
            kill_all(mark)
        if self.services:
            self.services.down(say=str)

    @property
    def settings(self) -> Settings:
        """Of the servers."""
        return Settings(str(ROOT), "127.0.0.1", *self.ports, (POOL,))

    def up(self) -> None:
        """Have servers and worker run; what was killed is started again."""
        if self.services is None:
            os.environ["PREFECT_HOME"] = str(self.folder / "prefect")
            self.services = Services(self.folder / "servers")
        if "prefect" in self.services.up(self.settings, say=str):
            self._let_nothing_else_run()

    def _let_nothing_else_run(self) -> None:
        """Pause what would evaluate each new checkpoint, by its event or by a schedule."""
        with self.prefect() as client:
            kept = {automation.name for automation in for_dead_runs(str(ROOT))}
            for automation in client.read_automations():
                if automation.name not in kept:
                    client.pause_automation(automation.id)
            for deployment in client.read_deployments():
                if deployment.schedules:
                    client.pause_deployment(deployment.id)

    def kill(self, server: str, number: signal.Signals) -> None:
        """End a server or the Prefect worker."""
        assert self.services is not None
        running = self.services.running[server]
        with suppress(ProcessLookupError):
            os.killpg(running.pid, number)
        if process := running.process():
            psutil.wait_procs([process], timeout=30)

    def prefect(self) -> SyncPrefectClient:
        """A client of the Prefect server."""
        return SyncPrefectClient(f"{self.settings.prefect}/api")

    def tracking(self, home: Path, *, server: bool) -> MlflowClient:
        """A client of the MLflow that the runs of a home folder log to."""
        return MlflowClient(self.settings.mlflow if server else f"sqlite:///{home}/mlflow.db")

    def environment(self, home: Path, mark: str, *, server: bool) -> dict[str, str]:
        """What makes a run a run of this home folder."""
        self.marks.append(mark)
        found = {"GNER_HOME": str(home), MARK: mark, "COLUMNS": "150"}
        return {**found, "MLFLOW_TRACKING_URI": self.settings.mlflow} if server else found

    def command(self, home: Path, overrides: Sequence[str], mark: str, *, server: bool) -> Command:
        """Start `gner run` without Prefect."""
        apart = ("PREFECT_API", "MLFLOW_TRACKING")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(apart)}
        given = [word for override in overrides for word in ("--set", override)]
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "mlflow.db").exists():
            shutil.copy(self.empty_database(), home / "mlflow.db")
        with (home / "command.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "flows", "run", PARAMS, *given],
                cwd=ROOT,
                env={**kept, **self.environment(home, mark, server=server)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return Command(process)

    def deployment(self, home: Path, overrides: Sequence[str], mark: str) -> DeploymentRun:
        """Start a deployment run; it logs to the MLflow server."""
        environment: Mapping[str, str] = self.environment(home, mark, server=True)
        with self.prefect() as client:
            deployment = client.read_deployment_by_name(DEPLOYMENT)
            run = client.create_flow_run_from_deployment(
                deployment.id,
                parameters={"params": PARAMS, "overrides": list(overrides)},
                job_variables={"env": dict(environment)},
            )
        return DeploymentRun(self, run.id, mark)

    def empty_database(self) -> Path:
        """An SQLite file with MLflow's tables; making one takes seconds of every case."""
        file = self.folder / "empty" / "mlflow.db"
        if not file.exists():
            file.parent.mkdir(parents=True)
            MlflowClient(f"sqlite:///{file}").get_experiment_by_name("gner")
        return file

    def cancel(self, run: DeploymentRun) -> None:
        """Ask for the end of a deployment run, as the button in Prefect's UI does."""
        with self.prefect() as client:
            client.set_flow_run_state(run.id, Cancelling())

    def forget_tracked(self) -> None:
        """Delete all runs on the MLflow server: a case must not find the steps of another one."""
        client = MlflowClient(self.settings.mlflow)
        for run in tracked(client):
            client.delete_run(run.info.run_id)

    def not_settled(self, *, seconds: float) -> list[str]:
        """Wait for all flow runs to be final and all slots to be free; what is not, in words."""
        deadline = time.monotonic() + seconds
        while True:
            with self.prefect() as client:
                runs, limits = client.read_flow_runs(), client.read_global_concurrency_limits()
            left = [
                f"flow run {run.name} is {run.state_name}"
                for run in runs
                if run.state_type and run.state_type.value not in DeploymentRun.FINAL
            ]
            left += [
                f"{slot.active_slots} slots of {slot.name}" for slot in limits if slot.active_slots
            ]
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(2)


def kill_all(mark: str) -> list[str]:
    """Kill what is left of a run; what it was."""
    left: list[psutil.Process] = marked(mark)
    told = []
    for process in left:
        with suppress(psutil.Error):
            told.append(f"{process.pid} {' '.join(process.cmdline())[:80]}")
            process.kill()
    return told
