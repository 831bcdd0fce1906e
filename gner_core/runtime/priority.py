"""The priority of work that can wait: `GNER_NICE` in the environment, from 0 (as any) to 19 (last).

Where autogroups are on, Linux divides the processors among sessions first, and by `nice` only within
a session. Jobs have sessions of their own, so both are set.
"""

import logging
import os
import time
from pathlib import Path

from gner_core.errors import InputError

NICE = "GNER_NICE"
AUTOGROUP = Path("/proc/self/autogroup")


def take_priority() -> None:
    """Give this process the priority of the environment; never a higher one than it has.

    Raises:
        InputError: for anything but a whole number from 0 to 19.
    """
    given = os.environ.get(NICE)
    if given is None:
        return
    if given not in map(str, range(20)):
        raise InputError(f"{NICE}={given}: must be a whole number from 0 to 19")
    nice = max(int(given), os.getpriority(os.PRIO_PROCESS, 0))
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    if os.getsid(0) == os.getpid() and session_nice() is not None:  # nobody else's session
        _set_session(nice)


def session_nice() -> int | None:
    """Read the nice of this process's session; None without autogroups or outside of them."""
    words = AUTOGROUP.read_text().split() if AUTOGROUP.exists() else []  # "/autogroup-7 nice 0"
    return int(words[-1]) if words else None


def _set_session(nice: int, *, tries: int = 5) -> None:
    try:
        AUTOGROUP.write_text(str(nice))
    except OSError as fault:
        if isinstance(fault, BlockingIOError) and tries > 1:  # too many processes did so just now
            time.sleep(0.15)
            return _set_session(nice, tries=tries - 1)
        logging.getLogger("gner").warning("%s=%d counts only in part: %s", NICE, nice, fault)
