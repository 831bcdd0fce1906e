"""`gner up`, `gner down`, `gner deploy`: servers and workers of this machine, and what is on them.

Processes are in `tasks.services.machine`, deployments in `tasks.services.prefect`.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.messages import show_fault
from gner_core.errors import InputError

Host = Annotated[
    str,
    typer.Option(
        envvar="GNER_SERVICES_HOST",
        help="Where the servers listen. Whoever reaches them can run code here: only loopback is safe.",
    ),
]
PrefectPort = Annotated[
    int,
    typer.Option(min=1, max=65535, envvar="GNER_PREFECT_PORT", help="Of the Prefect server."),
]
MlflowPort = Annotated[
    int, typer.Option(min=1, max=65535, envvar="GNER_MLFLOW_PORT", help="Of the MLflow server.")
]

Now = Annotated[
    bool,
    typer.Option("--now", help="Kill at once: what runs did since their last checkpoint is lost."),
]


Reevaluate = Annotated[
    bool, typer.Option(help="Evaluate every training that finishes against the champion.")
]


def up(
    host: Host = "127.0.0.1",
    prefect_port: PrefectPort = 4200,
    mlflow_port: MlflowPort = 5000,
    reevaluate: Reevaluate = True,
) -> None:
    """Start Prefect, MLflow and workers, and store the deployments; what runs is left alone."""
    from gner_core.runtime.gpus import VISIBLE, list_gpus
    from tasks.paths import made_home
    from tasks.services.machine import ServiceError, Services, locked
    from tasks.services.prefect import switch_reevaluation
    from tasks.services.settings import Settings

    if ":" in host:
        raise InputError(f"--host {host}: give a name or an IPv4 address")
    pools = ("cpu", "gpu") if list_gpus(os.environ.get(VISIBLE)) else ("cpu",)
    settings = Settings(str(_checkout()), host, prefect_port, mlflow_port, pools)
    home = made_home()
    with locked(home):
        services = Services(home)
        try:
            started = services.up(settings, say=typer.echo)
            switch_reevaluation(settings.api, on=reevaluate)
        except ServiceError as error:
            show_fault(str(error))
            sys.exit(1)
    if not started:
        typer.echo("already up: " + ", ".join(services.alive()))
    if not reevaluate:
        typer.echo("trainings are not evaluated as they finish; the deployment nightly still is")
    if "gpu" not in pools:
        typer.echo("no GPU here: runs of the pool gpu wait for a worker on another machine")
    typer.echo(f"\nPrefect  {settings.prefect}\nMLflow   {settings.mlflow}\n\nIn each terminal:")
    typer.echo(f"  export PREFECT_API_URL={settings.api} MLFLOW_TRACKING_URI={settings.mlflow}")
    typer.echo("  prefect deployment run gner/demo --watch")


def down(now: Now = False) -> None:
    """End what `gner up` started, with the flows that run.

    Trainings save their state first, for which they have GNER_GRACE_SECONDS, 300 by default.
    """
    from tasks.paths import made_home
    from tasks.services.machine import Services, locked

    home = made_home()
    with locked(home):
        ended = Services(home).down(say=typer.echo, now=now)
    typer.echo("all ended" if ended else "nothing was up")


def deploy() -> None:
    """Store work pools, automation and deployments on the server of PREFECT_API_URL."""
    from tasks.services.prefect import chosen_server, set_up

    api = chosen_server()
    if not api:
        raise InputError("PREFECT_API_URL: names no Prefect server; give its address, up to /api")
    set_up(api, str(_checkout()), say=typer.echo)


def _checkout() -> Path:
    """Return the working directory.

    Raises:
        InputError: where it is no checkout of gner.
    """
    checkout = Path.cwd()
    if not (checkout / "prefect.yaml").is_file():
        raise InputError(f"{checkout}: no prefect.yaml here; run this in a checkout of gner")
    return checkout
