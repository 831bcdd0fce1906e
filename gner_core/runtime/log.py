"""Lines in the log of a worker, which is its standard error."""

import logging
import sys


def say(message: str) -> None:
    """Write a line at once, marked as gner's own, so that excerpts of the log can keep it."""
    sys.stderr.write(f"gner: {message}\n")
    sys.stderr.flush()


def drop(logger: str, beginning: str) -> None:
    """Drop the messages of a library's logger that begin like this."""
    logging.getLogger(logger).addFilter(
        lambda record: not record.getMessage().startswith(beginning)
    )
