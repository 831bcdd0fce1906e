"""How the command line ends: a fault of the input is one line and exit code 2."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def input_errors() -> Iterator[None]:
    """Turn a fault of the input into its message and exit code 2."""
    from gner_core.errors import InputError

    try:
        yield
    except InputError as error:
        typer.echo(f"gner: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("gner: stopped; run the same command again to go on", err=True)
        sys.exit(130)
