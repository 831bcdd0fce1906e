"""What commands print in the same way: JSON, their log, and their faults, with exit codes.

A fault of the input is one line and exit code 2. A signal is one line, too, and the exit code that
shells know: 128 and its number.
"""

import errno
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console

from flows.running.terminal import lasting_terminal
from flows.views.output import LogLines, json_text
from gner_core.errors import InputError

FULL = "the disk is full; free some of it and run this again"
NO_PLACE = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.ENAMETOOLONG: "a name too long for a file; is a text given in its place?",
    errno.ELOOP: "a link that leads to itself; remove it",
}
LOOP = "Symlink loop from "
"""What pathlib says, without a class of its own, of a link that leads to itself."""


def print_json(value: Any) -> None:
    """Print a result on standard output."""
    typer.echo(json_text(value, indent=1))


def show_fault(message: str) -> None:
    """Print a fault of the input as one line on standard error."""
    typer.echo(f"gner: {message}", err=True)


@contextmanager
def input_errors() -> Iterator[None]:
    """Turn a fault of the input into its message and exit code 2."""
    with lasting_terminal():
        try:
            yield
        except InputError as error:
            show_fault(str(error))
            sys.exit(2)
        except OSError as error:
            if not (what := NO_PLACE.get(error.errno or 0)):
                raise
            show_fault(f"{error.filename}: {what}" if error.filename else what)
            sys.exit(2)
        except RuntimeError as error:
            if not str(error).startswith(LOOP):
                raise
            show_fault(f"{str(error)[len(LOOP) :]}: {NO_PLACE[errno.ELOOP]}")
            sys.exit(2)
        except KeyboardInterrupt as end:
            show_fault("stopped; run the same command again to go on")
            sys.exit(getattr(end, "exit_code", 128 + signal.SIGINT))


def log_to(console: Console) -> None:
    """Show the log of gner on a console, above its live bars."""
    log = logging.getLogger("gner")
    log.handlers = [LogLines(console)]
    log.setLevel(logging.INFO)
    log.propagate = False
