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

FULL = (errno.ENOSPC, errno.EDQUOT)


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
            if error.errno not in FULL:
                raise
            where = f"{error.filename}: " if error.filename else ""
            show_fault(f"{where}the disk is full; free some of it and run this again")
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
