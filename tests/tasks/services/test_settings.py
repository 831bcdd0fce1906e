"""Workers of this machine, of containers and of units are Prefect's own, and ask alike."""

from pathlib import Path

import pytest
import yaml
from mlflow.server.security_utils import is_allowed_host_header
from prefect.workers.process import ProcessWorker

from tasks.services.settings import Settings, command_of

ASKING = {"PREFECT_WORKER_QUERY_SECONDS": "2", "PREFECT_WORKER_PREFETCH_SECONDS": "0"}


def type_of(command: list[str]) -> str:
    return command[command.index("--type") + 1]


def test_every_worker_is_prefects_own_and_asks_every_two_seconds(
    root: Path, tmp_path: Path
) -> None:
    command, environment = command_of("worker-cpu", Settings(str(root)), home=tmp_path, mark="4f6c")
    deploy = root / "deploy"
    services = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]
    unit = (deploy / "systemd" / "gner-worker@.service").read_text()
    started = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    commands = [command, *(services[f"worker-{pool}"]["command"] for pool in ("cpu", "gpu"))]
    assert {type_of(given) for given in [*commands, started.split()]} == {ProcessWorker.type}
    lines = (deploy / "worker.env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    for settings in (environment, given):
        assert settings.items() >= ASKING.items()


def test_mlflow_answers_to_the_names_of_a_machine_whose_servers_others_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_SERVER_ALLOWED_HOSTS", raising=False)

    def allowed(host: str) -> list[str] | None:
        _, environment = command_of("mlflow", Settings("", host), home=tmp_path, mark="4f6c")
        names = environment.get("MLFLOW_SERVER_ALLOWED_HOSTS")
        return names and names.split(",")

    assert allowed("127.0.0.1") is None  # MLflow's own rule
    names = allowed("gpu-server.lab.example.org")
    assert names
    for known in ("gpu-server.lab.example.org:5000", "localhost:5000", "10.0.0.7:5000"):
        assert is_allowed_host_header(names, known)
    assert not is_allowed_host_header(names, "evil.example.org:5000")
