"""One line into the log of a worker, which is its standard error; and lines that are kept out of it."""

import logging
import sys


def say(message: str) -> None:
    """Write a line at once, so that it is there whatever happens next.

    Its mark lets those who show a sample of the log show all such lines.
    """
    sys.stderr.write(f"gner: {message}\n")
    sys.stderr.flush()


def drop(logger: str, beginning: str) -> None:
    """Keep messages of a library that begin so out of the log."""
    logging.getLogger(logger).addFilter(
        lambda record: not record.getMessage().startswith(beginning)
    )
