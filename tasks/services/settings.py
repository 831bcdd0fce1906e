"""What the services of a machine are started with: addresses, commands, environment."""

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from gner_core.runtime.grace import GRACE, grace_seconds
from tasks.tracking.server import own_store

WORKER = "worker-"
LOOPBACK = "127.0.0.1"
PRIVATE = ("10.*", "192.168.*", *(f"172.{number}.*" for number in range(16, 32)))
"""Addresses of private networks."""
LEASES = "prefect.server.concurrency.lease_storage.filesystem"
"""Concurrency slots are kept in files: those in memory stay taken when the server restarts."""
LOOP_SECONDS = {
    "CLEANUP_RECONCILER": 30,
    "LATE_RUNS": 30,  # are only coloured
    "PAUSE_EXPIRATIONS": 60,  # nothing here pauses
}
"""Loops of the Prefect server. By default each queries its database every five seconds, which slows
down a training on the same processors."""
PROACTIVE = "PT15S"
"""How often automations check for flow runs that send no heartbeat."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is to run, and where."""

    checkout: str
    """The folder with prefect.yaml, in which workers run flows."""
    host: str = "127.0.0.1"
    prefect_port: int = 4200
    mlflow_port: int = 5000
    pools: tuple[str, ...] = ("cpu",)
    """The work pools that get a worker here."""

    @property
    def prefect(self) -> str:
        """Address of the Prefect server, as programs of this machine reach it."""
        return f"http://{self._reached}:{self.prefect_port}"

    @property
    def api(self) -> str:
        """What PREFECT_API_URL must be."""
        return f"{self.prefect}/api"

    @property
    def mlflow(self) -> str:
        """Address of the MLflow server, as programs of this machine reach it."""
        return f"http://{self._reached}:{self.mlflow_port}"

    @property
    def _reached(self) -> str:
        return LOOPBACK if self.host == "0.0.0.0" else self.host  # noqa: S104

    @property
    def mlflow_names(self) -> str:
        """What requests to MLflow may call this machine; by itself it knows no names but localhost."""
        names = {self.host, socket.gethostname(), socket.getfqdn()}
        known = ("localhost", LOOPBACK, *PRIVATE, *sorted(names - {"0.0.0.0"}))  # noqa: S104
        return ",".join(f"{name},{name}:*" for name in known)

    def services(self) -> tuple[str, ...]:
        """Return the names of all services, servers first."""
        return tuple(name for together in self.waves() for name in together)

    def waves(self) -> tuple[tuple[str, ...], ...]:
        """Return the services that start side by side; workers need the servers."""
        return ("prefect", "mlflow"), tuple(f"{WORKER}{pool}" for pool in self.pools)


def command_of(
    name: str, settings: Settings, *, home: Path, mark: str
) -> tuple[list[str], dict[str, str]]:
    """Return the command of a service and its environment."""
    inherited = {**os.environ, "PREFECT_API_URL": settings.api}
    inherited.setdefault("PREFECT_HOME", str(home / "prefect"))
    python = [sys.executable, "-m"]
    if name == "prefect":
        address = ["--host", settings.host, "--port", str(settings.prefect_port)]
        server = {
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
            "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": PROACTIVE,
        }
        for loop, seconds in LOOP_SECONDS.items():
            server[f"PREFECT_SERVER_SERVICES_{loop}_LOOP_SECONDS"] = str(seconds)
        return [*python, "prefect", "server", "start", *address], inherited | server
    if name == "mlflow":
        address = ["--host", settings.host, "--port", str(settings.mlflow_port), "--workers", "1"]
        own = own_store(home)
        kept = ["--backend-store-uri", own.uri, "--artifacts-destination", str(own.artifacts)]
        inherited.pop("MLFLOW_TRACKING_URI", None)
        inherited["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # eight processes and 2 GB less
        if settings.host != LOOPBACK:
            inherited.setdefault("MLFLOW_SERVER_ALLOWED_HOSTS", settings.mlflow_names)
        return [*python, "mlflow", "server", *address, *kept], inherited
    pool = name.removeprefix(WORKER)
    worker = ["worker", "start", "--pool", pool, "--type", "process"]
    worker += ["--name", f"{socket.gethostname()}-{pool}-{mark[:8]}"]
    for_flows = {
        "GNER_HOME": str(home),
        "GNER_CHECKOUT": settings.checkout,
        "MLFLOW_TRACKING_URI": settings.mlflow,
        GRACE: str(grace_seconds()),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        # A new run waits half of it on average; each query takes some processor time.
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        # A run that is fetched before its time stays PENDING for ever when the worker is stopped.
        "PREFECT_WORKER_PREFETCH_SECONDS": "0",
    }
    return [*python, "prefect", *worker], inherited | for_flows
