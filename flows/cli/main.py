"""The command line `gner`. Heavy imports stand inside the commands, so that help comes at once."""

from importlib import metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from flows.cli.bench import app as bench
from flows.cli.data import app as data
from flows.cli.init import init
from flows.cli.messages import input_errors
from flows.cli.models.annotate import annotate
from flows.cli.models.predict import log_model, predict, score_checkpoint
from flows.cli.models.push import push
from flows.cli.models.serve import serve
from flows.cli.models.tune import tune
from flows.cli.reevaluate import reevaluate
from flows.cli.report import app as report
from flows.cli.run import check, run
from flows.cli.score import beams, compare, score
from flows.cli.services import deploy, down, up
from flows.cli.store import clean, models, pin, runs
from flows.cli.systems import app as systems
from flows.running.terminal import open_closed_streams, show_any_text


class Commands(TyperGroup):
    """The commands, whose faults of the input all end in the same way."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names for the help: single commands in their order, then groups."""
        return sorted(super().list_commands(ctx), key=lambda name: name in GROUPS)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line on a terminal of any encoding, or on none."""
        open_closed_streams()
        show_any_text()
        return super().main(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was given."""
        with input_errors():
            return super().invoke(ctx)


def print_version(wanted: bool) -> None:
    """Print the version and end, if that is wanted."""
    if wanted:
        typer.echo(f"gner {metadata.version('gner')}")
        raise typer.Exit


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)
Version = Annotated[
    bool,
    typer.Option("--version", is_eager=True, callback=print_version, help="Print the version."),
]


@app.callback(help="Generative named entity recognition: run experiments, compare checkpoints.")
def _gner(version: Version = False) -> None:
    """Take the options that stand before a command."""


GROUPS = {"data": data, "systems": systems, "report": report, "bench": bench}
COMMANDS = (
    *(run, init, check, predict, annotate, score_checkpoint, tune, score, compare, beams),
    *(runs, models, clean, serve, reevaluate, log_model, push, pin, up, down, deploy),
)
for command in COMMANDS:
    app.command("test" if command is score_checkpoint else None)(command)
for name, group in GROUPS.items():
    app.add_typer(group, name=name)
