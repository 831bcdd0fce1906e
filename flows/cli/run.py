"""The commands `gner run | check`: experiments, sweeps and studies, with or without a Prefect server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.messages import log_to, print_json, show_fault
from flows.views.output import Output, print_parts
from gner_core.errors import InputError

if TYPE_CHECKING:
    from flows.running.command import Command
    from gner_core.config.reading.sweeps import Runnable

ParamsFile = Annotated[
    Path, typer.Argument(help="Experiment, sweep or study, for example params/demo.yaml.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY.PATH=VALUE", help="Override one value; repeatable."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print the steps and their keys.")]
Device = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="With --dry-run: costs on A100-80G, H100-SXM, H200 or L40S, or a file measured by "
        "gner bench train|generate --json; repeatable, a device before files measured on it.",
    ),
]
Grid = Annotated[
    float | None, typer.Option(min=0, help="With --device: kg CO2eq of a kWh of your grid.")
]


def run(
    params: ParamsFile,
    overrides: Overrides = None,
    dry_run: DryRun = False,
    device: Device = None,
    grid: Grid = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print scores, or steps, as JSON.")
    ] = False,
) -> None:
    """Run an experiment, a sweep or a study: finished steps are skipped, interrupted ones go on.

    Under Prefect where PREFECT_API_URL or the active profile names a server, else in this process.
    Points of a sweep that fail do not stop the others; the exit code is 1 then.
    """
    from gner_core.config.reading.sweeps import read_runnable

    found = read_runnable(params, overrides=overrides or [])
    if dry_run:
        from flows.views.dry_run import dry_run_parts, dry_run_values

        if as_json:
            print_json(dry_run_values(found, devices=device or [], grid=grid))
            return
        print_parts(dry_run_parts(found, devices=device or [], grid=grid))
        return
    if device or grid is not None:
        raise InputError("--device and --grid need --dry-run")
    from flows.running.command import Command
    from tasks.services.prefect import chosen_server

    command = Command(str(params), overrides or [])
    if chosen_server():
        _run_on_server(found, command, as_json=as_json)
    else:
        _run_here(found, command, as_json=as_json)


def check(
    files: Annotated[
        list[Path],
        typer.Argument(help="Files of params/: experiments, sweeps, studies, models, catalogs, …"),
    ],
) -> None:
    """Validate parameter files; their kind is told by their keys.

    Every point of a sweep is read and its steps are planned.
    """
    from gner_core.config.reading.check import check_file

    for file in files:
        kind: str = check_file(file)
        if kind in ("sweep", "study"):
            from gner_core.config.reading.sweeps import read_runnable
            from tasks.plans.points import planned_points, shared_steps

            points = planned_points(read_runnable(file, overrides=[]))
            kind += f": {len(points)} points, {len(shared_steps(points))} steps"
        typer.echo(f"ok  {file}  ({kind})")


def _run_on_server(found: "Runnable", command: "Command", *, as_json: bool) -> None:
    """Run as a flow run of the chosen Prefect server."""
    from flows.experiment import gner
    from flows.running.outcome import PointsFailedError
    from flows.sweep import sweep
    from flows.views.run import show_checkpoints
    from gner_core.config.experiment import Experiment
    from tasks.plans.experiment import plan_experiment

    flow = gner if isinstance(found, Experiment) else sweep
    try:
        report = str(flow(command.params, command.overrides))
    except PointsFailedError as error:
        show_fault(str(error))
        raise typer.Exit(1) from None
    stages = plan_experiment(found).stages if isinstance(found, Experiment) else {}
    checkpoints = {title: step.ref for title, step in stages.items()}
    if as_json:
        paths = {title: ref.path for title, ref in checkpoints.items()}
        print_json({"report": report, "checkpoints": paths})
    else:
        typer.echo(f"report: {report}")
        show_checkpoints(checkpoints, Output())


def _run_here(found: "Runnable", command: "Command", *, as_json: bool) -> None:
    """Run in this process, without a Prefect server."""
    from gner_core.config.experiment import Experiment

    console = Output(stderr=as_json)
    log_to(console)
    if isinstance(found, Experiment):
        from flows.experiment import run_here
        from flows.views.run import outcome_values, show_outcome

        one = run_here(found, command, console=console)
        if as_json:
            print_json(outcome_values(one))
        else:
            show_outcome(one, console)
        return
    from flows.running.points import run_points
    from flows.running.submit import in_process
    from flows.views.run import points_values, show_points

    outcome = run_points(found, command, in_process, console)
    if as_json:
        print_json(points_values(outcome))
    else:
        show_points(outcome, console)
    if outcome.failures:
        raise typer.Exit(1)
