"""The command line `gner`. Heavy imports stand inside the commands, so that help comes at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.bench import app as bench
from flows.cli.data import app as data
from flows.cli.faults import input_errors, show_fault
from flows.cli.predict import log_model, predict
from flows.cli.reevaluate import reevaluate
from flows.cli.score import beams, compare, score
from flows.cli.services import deploy, down, up

if TYPE_CHECKING:
    from rich.console import Console

    from flows.experiment import Outcome

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Generative named entity recognition: run experiments, compare checkpoints.",
)

app.add_typer(data, name="data")
app.add_typer(bench, name="bench")
app.command()(score)
app.command()(compare)
app.command()(beams)
app.command()(predict)
app.command()(reevaluate)
app.command("log-model")(log_model)
app.command()(up)
app.command()(down)
app.command()(deploy)

ParamsFile = Annotated[Path, typer.Argument(help="Experiment file, for example params/demo.yaml.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY.PATH=VALUE", help="Override one value; repeatable."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print the steps and their keys.")]


Device = Annotated[
    list[str] | None,
    typer.Option(
        help="With --dry-run: costs on A100-80G, H100-SXM, H200 or L40S, or a file measured by "
        "gner bench train|generate --json; repeatable, the device first."
    ),
]
Grid = Annotated[
    float | None, typer.Option(min=0, help="With --device: kg CO2eq of a kWh of your grid.")
]


@app.command()
def run(
    params: ParamsFile,
    overrides: Overrides = None,
    dry_run: DryRun = False,
    device: Device = None,
    grid: Grid = None,
) -> None:
    """Run an experiment, a sweep or a study: finished steps are skipped, interrupted ones go on.

    Under Prefect where PREFECT_API_URL or the active profile names a server, else in this process.
    Points of a sweep that fail do not stop the others; the exit code is 1 then.
    """
    with input_errors():
        from rich.console import Console

        from gner_core.config.experiment import Experiment
        from gner_core.config.reading.sweeps import read_runnable
        from gner_core.errors import InputError

        console = Console()
        found = read_runnable(params, overrides=overrides or [])
        if dry_run:
            from flows.cli.dry_run import dry_run_lines

            for line in dry_run_lines(found, devices=device or [], grid=grid):
                typer.echo(line)
            return
        if device or grid is not None:
            raise InputError("--device and --grid need --dry-run")
        from prefect.settings import get_current_settings

        if server := get_current_settings().api.url:
            from flows.experiment import gner
            from flows.running.points import PointsFailedError
            from flows.sweep import sweep
            from tasks.services.prefect import answers

            if not answers(f"{server}/health"):
                raise InputError(f"PREFECT_API_URL: no Prefect server answers at {server}")

            flow = gner if isinstance(found, Experiment) else sweep
            try:
                typer.echo(f"report: {flow(str(params), overrides or [])}")
            except PointsFailedError as error:
                show_fault(str(error))
                raise typer.Exit(1) from None
            return
        from flows.cli.log import log_to

        log_to(console)
        if isinstance(found, Experiment):
            from flows.experiment import run_here

            _print_outcome(run_here(found, console=console), console)
            return
        from flows.running.points import run_points
        from flows.running.submit import direct_submitter
        from flows.views.sweep import show_points

        outcome = run_points(found, direct_submitter, console)
        show_points(outcome, console)
        if outcome.failures:
            raise typer.Exit(1)


@app.command()
def check(
    files: Annotated[
        list[Path], typer.Argument(help="Files of experiments, sweeps, backbones or catalogs.")
    ],
) -> None:
    """Validate parameter files; files below models/ and corpora/ are backbones and catalogs.

    Every point of a sweep is read and its steps are planned.
    """
    with input_errors():
        from gner_core.config.reading.check import check_file

        for file in files:
            kind = check_file(file)
            if kind.startswith(("sweep", "study")):
                from gner_core.config.reading.sweeps import read_runnable
                from tasks.steps.points import planned_points, shared_steps

                points = planned_points(read_runnable(file, overrides=[]))
                kind += f": {len(points)} points, {len(shared_steps(points))} steps"
            typer.echo(f"ok  {file}  ({kind})")


def _print_outcome(outcome: "Outcome", console: "Console") -> None:
    from rich.table import Table

    table = Table(title="Scores (the paper's metric, in points)")
    table.add_column("test")
    table.add_column("corpus")
    for name in ("precision", "recall", "F1"):
        table.add_column(name, justify="right")
    for title, summary in outcome.scores.items():
        rows = {**summary["corpora"], "mean": summary["macro"]}
        for corpus, row in rows.items():
            cells = [f"{100 * row[name]:.1f}" for name in ("precision", "recall", "f1")]
            last = corpus == "mean"
            table.add_row(title, corpus, *cells, style="bold" if last else None, end_section=last)
    console.print(table)
    console.print(f"report    {outcome.report}", soft_wrap=True)
    console.print(f"tracking  {outcome.tracking_uri}", soft_wrap=True)
    for title, url in outcome.links.items():
        console.print(f"{title:<18} {url}", soft_wrap=True)
