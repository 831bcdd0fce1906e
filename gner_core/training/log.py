"""One line into the log of a training, which is its standard error.

Example:
    say("out of memory with micro-batches of 8; going on with 4")
"""

import sys


def say(message: str) -> None:
    """Write a line at once, so that it is there whatever happens next."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
