"""The command line `gner`. Heavy imports stand inside the commands, so that help comes at once."""

from typing import Any

import typer
from typer.core import TyperGroup

from flows.cli.bench import app as bench
from flows.cli.check import check
from flows.cli.data import app as data
from flows.cli.init import init
from flows.cli.messages import input_errors
from flows.cli.predict import log_model, predict, score_checkpoint
from flows.cli.reevaluate import reevaluate
from flows.cli.run import run
from flows.cli.score import beams, compare, score
from flows.cli.services import deploy, down, up
from flows.cli.terminal import show_any_text


class Commands(TyperGroup):
    """The commands, whose faults of the input all end in the same way."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line on a terminal of any encoding."""
        show_any_text()
        return super().main(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was given."""
        with input_errors():
            return super().invoke(ctx)


app = typer.Typer(
    cls=Commands,
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
app.command("test")(score_checkpoint)
app.command()(reevaluate)
app.command("log-model")(log_model)
app.command()(up)
app.command()(down)
app.command()(deploy)
app.command()(run)
app.command()(init)
app.command()(check)
