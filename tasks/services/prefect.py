"""Sets up a Prefect server for gner's deployments, and cancels runs whose worker has ended.

Prefect takes a second to import. It is imported inside functions, so that `gner down` need not wait
for it where no server runs.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import yaml

from gner_core.errors import InputError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

POOLS = ("cpu", "gpu")
DEPLOYMENTS = "prefect.yaml"
REEVALUATE = "reevaluate-new-checkpoint"
"""The automation, in that file, that evaluates a checkpoint as soon as it is published."""
AUTOMATIONS = Path("deploy/dead-runs.yaml")
WORKING = ("PENDING", "RUNNING", "CANCELLING")
"""States of runs that a worker has started."""


def set_up(api: str, checkout: str, *, say: Callable[[str], object]) -> None:
    """Create the work pools and the automations, and store the deployments of a checkout.

    Raises:
        InputError: when the deployments are refused; with what `prefect deploy` said.
    """
    with _client(api) as client:
        make_pools(client)
        for automation in for_dead_runs(checkout):
            if known := client.read_automations_by_name(automation.name):
                client.update_automation(known[0].id, automation)
            else:
                client.create_automation(automation)
    deploy(api, checkout)
    say(f"{'deployments':<12} of {DEPLOYMENTS} are stored")


def make_pools(client: "SyncPrefectClient") -> None:
    """Create the work pools; those that are there keep what people set: a pause, limits, a template."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    for name in POOLS:
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(
                WorkPoolCreate(name=name, type=ProcessWorker.type, base_job_template=template)
            )


def for_dead_runs(checkout: str) -> "list[AutomationCore]":
    """Read the automations that end runs whose process is dead."""
    from prefect.events.schemas.automations import AutomationCore

    content = yaml.safe_load((Path(checkout) / AUTOMATIONS).read_text())
    return [AutomationCore.model_validate(given) for given in content["automations"]]


def deploy(api: str, checkout: str) -> None:
    """Store all deployments; each worker's own GNER_CHECKOUT will name their folder."""
    # With GNER_CHECKOUT set here, this machine's folder would be stored for all workers.
    environment = {name: value for name, value in os.environ.items() if name != "GNER_CHECKOUT"}
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=checkout,
        env={**environment, "PREFECT_API_URL": api},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise InputError(f"{Path(checkout) / DEPLOYMENTS}: cannot be deployed\n{said}")


def switch_reevaluation(api: str, *, on: bool) -> None:
    """Have every training that finishes evaluated, or none: enable or pause the event's automation."""
    with _client(api) as client:
        for automation in client.read_automations_by_name(REEVALUATE):
            switch = client.resume_automation if on else client.pause_automation
            switch(automation.id)


def is_healthy(url: str) -> bool:
    """Say whether an address answers that all is well."""
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


def chosen_server() -> str | None:
    """Return the API of the server to which runs are given; None where they run in this process.

    Raises:
        InputError: when the server does not answer.
    """
    from prefect.settings import get_current_settings

    api: str | None = get_current_settings().api.url
    if api and not is_healthy(f"{api}/health"):
        raise InputError(f"PREFECT_API_URL: no Prefect server answers at {api}")
    return api


def has_worker(api: str, pool: str, *, since: float) -> bool:
    """Say whether a worker of a pool has reported since a moment, in seconds since the epoch."""
    moment = datetime.fromtimestamp(since, tz=UTC)
    with _client(api) as client:
        seen = (worker.last_heartbeat_time for worker in client.read_workers_for_work_pool(pool))
        return any(at is not None and at >= moment for at in seen)


def _client(api: str) -> "SyncPrefectClient":
    """Return a client of this server, with the password of the environment where there is one."""
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.settings import get_current_settings

    password = get_current_settings().api.auth_string
    return SyncPrefectClient(api, auth_string=password.get_secret_value() if password else None)


def cancel_runs(api: str, pools: Sequence[str]) -> Iterator[str]:
    """Mark the runs as cancelled that workers of some pools had started; yield their names.

    Only for workers that have ended, since nobody else would report these runs.
    """
    from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter
    from prefect.states import Cancelled

    with _client(api) as client:
        taken = FlowRunFilter.model_validate({"state": {"type": {"any_": list(WORKING)}}})
        pool = WorkPoolFilter.model_validate({"name": {"any_": list(pools)}})
        for run in client.read_flow_runs(flow_run_filter=taken, work_pool_filter=pool):
            said = "its worker was stopped by `gner down`; steps that are done are kept"
            client.set_flow_run_state(run.id, Cancelled(message=said), force=True)
            yield run.name
