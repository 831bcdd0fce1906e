"""What orchestration and tracking cost: the bare steps, `gner run`, and a deployment.

The clock is strict: bare steps are timed in a process that has imported everything, `gner run` from
the start of its process to its end, a deployment from the request until the end that the server notes.

    python -m tests.benchmarks.overhead params/demo.yaml --rounds 5
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from prefect import Task
from prefect.client.orchestration import SyncPrefectClient
from rich.console import Console
from rich.table import Table

from flows.cli.messages import input_errors
from flows.running.walk import run_steps
from gner_core.config.reading.files import read_experiment
from tasks.plans.experiment import plan_experiment
from tasks.services.machine import Services
from tasks.services.settings import Settings
from tasks.standalone.bench.measuring import untracked_run

BARE, RUN, DEPLOYMENT = "bare steps", "gner run", "deployment"
DEPLOYED_AS = "gner/tiny"
"""The deployment that is given the experiment file as its parameter."""
ON_NEW_CHECKPOINT = "reevaluate-new-checkpoint"
"""The automation that evaluates what a run publishes, see `prefect.yaml`."""
POLL_SECONDS = 15.0
"""Every question costs the server time; the end is read off its own clock, so few are enough."""


def measure_overhead(
    params: Path,
    overrides: Sequence[str],
    *,
    rounds: int,
    folder: Path,
    say: Callable[[str], object],
) -> dict[str, list[float]]:
    """Run an experiment from nothing in three ways; return the seconds of each, round by round.

    Args:
        rounds: each runs all ways, one after the other, every second one in reverse: a machine that
            becomes slower or faster meanwhile does not favour one way.
        folder: gets a home folder for each run; must be empty.

    Raises:
        RuntimeError: when one of them fails.
    """
    ways = {BARE: _bare, RUN: _command, DEPLOYMENT: _deployment}
    measured: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(1, rounds + 1):
        for name in ways if number % 2 else reversed(ways):
            home = folder / f"{name.replace(' ', '-')}-{number}"
            seconds = ways[name](params, overrides, home)
            shutil.rmtree(home)  # else the next run would wait for its gigabytes to reach the disk
            os.sync()
            measured[name].append(seconds)
            say(f"round {number}, {name}: {seconds:.1f} s")
    return measured


@dataclass(frozen=True)
class _Done:
    value: Any

    def result(self) -> Any:
        return self.value


def _at_once(
    task: Task[..., Any],
    *arguments: object,
    after: Sequence[Any],
    in_worker: bool = False,
) -> _Done:
    """Call the plain function of a task; what it needs was called before, so is done."""
    for before in after:
        before.result()
    return _Done(task.fn(*arguments))


def _bare(params: Path, overrides: Sequence[str], home: Path) -> float:
    os.environ["GNER_HOME"] = str(home)
    started = time.monotonic()
    experiment = read_experiment(params, overrides=[*overrides])
    with untracked_run(experiment.execution, console=Console(quiet=True)) as run:
        run_steps(plan_experiment(experiment).steps(), run, lambda _: nullcontext(_at_once))
    return time.monotonic() - started


def _command(params: Path, overrides: Sequence[str], home: Path) -> float:
    kept = {
        k: v for k, v in os.environ.items() if k not in {"PREFECT_API_URL", "MLFLOW_TRACKING_URI"}
    }
    chosen = [word for override in overrides for word in ("--set", override)]
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "flows", "run", str(params), *chosen],
        env={**kept, "GNER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{RUN} failed:\n{done.stdout}{done.stderr}")
    return time.monotonic() - started


def _deployment(params: Path, overrides: Sequence[str], home: Path) -> float:
    """Run on a Prefect server, an MLflow server and a worker of their own.

    New checkpoints are not evaluated here: that is more work beside the run, not its overhead.
    """
    services = Services(home)
    settings = Settings(str(Path.cwd()), prefect_port=_free_port(), mlflow_port=_free_port())
    services.up(settings, say=len)
    try:
        with SyncPrefectClient(settings.api) as client:
            deployment = client.read_deployment_by_name(DEPLOYED_AS)
            (automation,) = client.read_automations_by_name(ON_NEW_CHECKPOINT)
            client.pause_automation(automation.id)
            started = datetime.now(UTC)
            run = client.create_flow_run_from_deployment(
                deployment.id, parameters={"params": str(params), "overrides": list(overrides)}
            )
            while not run.state or not run.state.is_final():
                time.sleep(POLL_SECONDS)
                run = client.read_flow_run(run.id)
        if not run.state.is_completed():
            raise RuntimeError(f"{DEPLOYMENT} ended as {run.state.name}: {run.state.message}")
        ended: datetime = run.state.timestamp
        return (ended - started).total_seconds()
    finally:
        services.down(say=len)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(
    params: Annotated[Path, typer.Argument(help="Experiment file, for example params/demo.yaml.")],
    overrides: Annotated[list[str] | None, typer.Option("--set", metavar="KEY.PATH=VALUE")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each way, in turn.")] = 1,
) -> None:
    """Run an experiment from nothing in three ways: bare steps, `gner run`, a deployment.

    Servers and a worker are started for the deployment, on free ports, and ended.
    """
    with input_errors(), TemporaryDirectory(prefix="gner-overhead-") as folder:
        read_experiment(params, overrides=overrides or [])  # faults of the input come at once
        measured = measure_overhead(
            params, overrides or [], rounds=rounds, folder=Path(folder), say=typer.echo
        )
    table = Table(title="The same steps, run from nothing: median seconds of the rounds")
    table.add_column("way")
    for name in ("seconds", "from", "to", "more", "more in %"):
        table.add_column(name, justify="right")
    bare = median(measured[BARE])
    for name, seconds in measured.items():
        more = median(seconds) - bare
        figures = [f"{x:.1f}" for x in (median(seconds), min(seconds), max(seconds))]
        table.add_row(name, *figures, f"{more:+.1f}", f"{100 * more / bare:+.1f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
