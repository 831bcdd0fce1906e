"""How the command line ends: a fault of the input is one line and exit code 2.

A signal is one line, too, and the exit code that shells know: 128 and its number.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from flows.cli.terminal import lasting_terminal


def show_fault(message: str) -> None:
    """Print a fault of the input as one line on standard error."""
    typer.echo(f"gner: {message}", err=True)


@contextmanager
def input_errors() -> Iterator[None]:
    """Turn a fault of the input into its message and exit code 2."""
    from gner_core.errors import InputError

    with lasting_terminal():
        try:
            yield
        except InputError as error:
            show_fault(str(error))
            sys.exit(2)
        except KeyboardInterrupt as end:
            show_fault("stopped; run the same command again to go on")
            sys.exit(getattr(end, "exit_code", 128 + signal.SIGINT))
