"""A real Prefect server, a worker, real models: an event, a missed one, the same one again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow import MlflowClient

from tests.flows.conftest import GNER

PREFECT = [sys.executable, "-m", "prefect"]
TESTS = [  # what the good model has learned by heart, so that it is clearly better
    "tests={learned: {corpora: [news, sports], split: train, per_corpus: 2, method: random, seed: 1}}",
    "execution.threads=1",
]
GOOD = ["stages.finetuning.train.epochs=300", "stages.finetuning.train.learning_rate=5.0e-3"]
COMMON = [
    "stages.finetuning.data.per_corpus=2",
    "stages.finetuning.choose={kind: last}",
    "tests.baseline=null",
    "execution.checkpoint_every=1000",
]


@dataclass
class Site:
    """One machine: a home folder, a Prefect server that comes and goes, a worker."""

    folder: Path
    root: Path
    port: int
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def environment(self, *, connected: bool) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "MLFLOW_T"))}
        return {
            **kept,
            "GNER_HOME": str(self.folder / "home"),
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "GNER_CHECKOUT": str(self.root),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "COLUMNS": "200",
            **({"PREFECT_API_URL": self.api} if connected else {}),
        }

    def start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("a") as log:
            self.running[name] = subprocess.Popen(
                ["env", "--default-signal=INT,QUIT", *command],
                cwd=self.root,
                env=self.environment(connected=name != "server"),
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def start_server(self) -> None:
        self.start(
            "server", *PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(self.port)
        )
        until(lambda: self.asks("health"), seconds=120)

    def stop(self, name: str) -> None:
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def asks(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.api}/{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return None

    def run(self, *command: str, connected: bool) -> str:
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(connected=connected),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def train(self, *overrides: str, connected: bool) -> None:
        given = [word for one in (*COMMON, *overrides) for word in ("--set", one)]
        self.run(*GNER, "run", "params/tiny.yaml", *given, connected=connected)

    def evaluations(self) -> list[str]:
        """States of the flow runs of the deployment on-new-checkpoint."""
        runs = self.asks(
            "flow_runs/filter", {"deployments": {"name": {"any_": ["on-new-checkpoint"]}}}
        )
        return [run["state"]["type"] for run in runs or ()]  # none: the server is busy

    def ended(self, number: int) -> bool:
        states = self.evaluations()
        assert "FAILED" not in states, (self.folder / "worker.log").read_text()[-3000:]
        assert "CRASHED" not in states, (self.folder / "worker.log").read_text()[-3000:]
        return states.count("COMPLETED") == number

    def published(self, step: str) -> int:
        return len(list((self.folder / "home" / "store" / step).glob("*/manifest.json")))

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(f"sqlite:///{self.folder}/home/mlflow.db")

    def verdicts(self) -> list[str]:
        found = self.client.search_model_versions("name = 'gner'")
        tuned = [one for one in found if one.tags["stage"] == "finetuning"]
        return [
            one.tags.get("verdict", "none") for one in sorted(tuned, key=lambda v: int(v.version))
        ]

    def everything(self) -> dict[str, int]:
        """Number of artifacts and of runs."""
        experiment = self.client.get_experiment_by_name("gner")
        assert experiment is not None
        runs = self.client.search_runs([experiment.experiment_id])
        steps = ("generate", "score", "compare")
        return {"runs": len(runs), **{step: self.published(step) for step in steps}}

    def tell_again(self) -> None:
        """Emit the event of a checkpoint that is evaluated already."""
        worse = next(
            one
            for one in self.client.search_model_versions("name = 'gner'")
            if one.tags.get("verdict") == "worse"
        )
        step = worse.tags["step"]
        event = f"""
from prefect.events import emit_event
resource = {{"prefect.resource.id": "gner.checkpoint.{step.split("/")[1]}"}}
emit_event("gner.checkpoint.published", resource, payload={{"checkpoint": "{step}"}})
"""
        self.run(sys.executable, "-c", event, connected=True)

    def champion(self) -> str:
        return str(self.client.get_model_version_by_alias("gner", "champion").tags["verdict"])


def until(seen: Any, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.fixture
def site(tmp_path: Path, root: Path) -> Iterator[Site]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        site = Site(tmp_path, root, probe.getsockname()[1])
    (tmp_path / "home").mkdir()
    site.client.get_experiment_by_name("gner")  # makes the database before several processes do
    site.start_server()
    yield site
    for name in list(site.running):
        site.stop(name)


def deploy(site: Site) -> None:
    """Store the two deployments of prefect.yaml, with test sets for models of seconds."""
    file = yaml.safe_load((site.root / "prefect.yaml").read_text())
    wanted = [d for d in file["deployments"] if d["name"] in ("on-new-checkpoint", "nightly")]
    for deployment in wanted:
        deployment["parameters"]["overrides"] = TESTS
    own = site.folder / "deployments.yaml"
    own.write_text(yaml.safe_dump({"name": "gner", "pull": file["pull"], "deployments": wanted}))
    site.run(*PREFECT, "work-pool", "create", "cpu", "--type", "process", connected=True)
    command = [*PREFECT, "--no-prompt", "deploy", "--all", "--prefect-file", str(own)]
    with_checkout = site.environment(connected=True)
    del with_checkout["GNER_CHECKOUT"]  # where it is set, the worker's own would not count
    subprocess.run(command, cwd=site.root, env=with_checkout, check=True, timeout=120)


@pytest.mark.slow
def test_each_new_checkpoint_is_evaluated_once_by_its_event_or_by_the_scan(site: Site) -> None:
    deploy(site)
    site.start("worker", *PREFECT, "worker", "start", "--pool", "cpu", "--type", "process")
    site.train(*GOOD, connected=True)
    until(lambda: site.ended(2), seconds=240)  # adaptation is left out, finetuning is evaluated
    assert site.verdicts() == ["first"]
    site.train(connected=True)
    until(lambda: site.ended(3), seconds=240)
    assert site.verdicts() == ["first", "worse"]
    assert (site.published("compare"), site.champion()) == (1, "first")

    site.stop("worker")  # the event of the next one is lost
    site.stop("server")
    site.train("stages.finetuning.train.seed=2", connected=False)
    assert site.verdicts() == ["first", "worse", "none"]  # registered, and nothing more
    site.start_server()
    site.start("worker", *PREFECT, "worker", "start", "--pool", "cpu", "--type", "process")
    scan = ["deployment", "run", "reevaluate-scan/nightly", "--watch", "--watch-interval", "1"]
    site.run(*PREFECT, *scan, connected=True)
    assert site.verdicts() == ["first", "worse", "worse"]
    assert (site.published("compare"), site.champion()) == (2, "first")
    keys = [str(artifact["key"]) for artifact in site.asks("artifacts/filter", {})]
    assert "reevaluate-reevaluate" in keys
    assert sum(key.startswith("regression-finetuning-") for key in set(keys)) == 2

    before = site.everything()
    site.tell_again()
    until(lambda: site.ended(4), seconds=240)
    assert site.everything() == before
    assert site.verdicts() == ["first", "worse", "worse"]
