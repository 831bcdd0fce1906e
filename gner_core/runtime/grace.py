"""The grace period: how long work may take to save its state between SIGTERM and SIGKILL.

A training writes a checkpoint then: 130 GB for a model of 11B parameters. The fork server,
`gner down` and the files in `deploy/` wait this long.
"""

import os

from gner_core.errors import InputError

GRACE = "GNER_GRACE_SECONDS"
DEFAULT_SECONDS = 300.0


def grace_seconds() -> float:
    """Return the seconds between SIGTERM and SIGKILL.

    Raises:
        InputError: for anything but a finite number from 0.
    """
    given = os.environ.get(GRACE, str(DEFAULT_SECONDS))
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise InputError(f"{GRACE}={given}: must be a number of seconds from 0, such as 300")
    return seconds
