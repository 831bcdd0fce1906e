"""The priority of work that can wait: `GNER_NICE` in the environment, from 0 (as any) to 19 (last).

Linux shares the processors among sessions first, where autogroups are on, and by `nice` only among
the processes of one session. Jobs have sessions of their own, so both are set.
"""

import logging
import os
import time
from pathlib import Path

from gner_core.errors import InputError

NICE = "GNER_NICE"
AUTOGROUP = Path("/proc/self/autogroup")
TRIES = 5


def take_priority() -> None:
    """Give this process the priority that the environment asks for; never a higher one than it has.

    Raises:
        InputError: for anything but a whole number from 0 to 19.
    """
    asked = os.environ.get(NICE)
    if asked is None:
        return
    if asked not in map(str, range(20)):
        raise InputError(f"{NICE}={asked}: must be a whole number from 0 to 19")
    nice = max(int(asked), os.getpriority(os.PRIO_PROCESS, 0))
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    if os.getsid(0) == os.getpid() and session_nice() is not None:  # nobody else's session
        _set_session(nice)


def session_nice() -> int | None:
    """Read the nice of this process's session; None where sessions share no processors.

    Kernels without autogroups have no such file; for processes in no autogroup it is empty.
    """
    words = AUTOGROUP.read_text().split() if AUTOGROUP.exists() else []  # "/autogroup-7 nice 0"
    return int(words[-1]) if words else None


def _set_session(nice: int) -> None:
    fault = OSError()
    for _ in range(TRIES):
        try:
            AUTOGROUP.write_text(str(nice))
        except BlockingIOError as busy:  # the kernel takes ten a second, of all users together
            fault = busy
            time.sleep(0.15)
        except OSError as refused:
            fault = refused
            break
        else:
            return
    logging.getLogger("gner").warning("%s=%d counts only in part: %s", NICE, nice, fault)
