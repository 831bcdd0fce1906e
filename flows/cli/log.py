"""Where the log of a command goes: the terminal, above its live bars."""

import logging

from rich.console import Console
from rich.logging import RichHandler


def log_to(console: Console) -> None:
    """Show the log of gner on a console."""
    handler = RichHandler(
        console=console,
        show_path=False,
        show_level=False,
        log_time_format="%X",
        omit_repeated_times=False,
    )
    log = logging.getLogger("gner")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
