"""SIGTERM and SIGHUP end a run as Ctrl-C does: workers get their checkpoint, tracking its end.

Where Prefect or somebody else handles a signal already, it is left to them; Prefect raises its own
`TerminationSignal`. What is done about it: `flows.experiment`.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from prefect.exceptions import TerminationSignal

ENDINGS = (KeyboardInterrupt, TerminationSignal)
"""What a signal raises in a flow, with and without Prefect."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """A signal asked the run to end."""

    def __init__(self, number: int) -> None:
        """Name the signal."""
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise `Terminated` at the first such signal; later ones do not disturb the ending.

    Only the main thread can do so; in another one nothing is changed. SIGKILL is harmless at any
    time for who does not want to wait.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    theirs = {signal.SIG_DFL, signal.default_int_handler}
    before: dict[int, Any] = {n: signal.getsignal(n) for n in SIGNALS}
    ours = [number for number in SIGNALS if before[number] in theirs]

    def end(number: int, _: FrameType | None) -> None:
        for one in ours:
            signal.signal(one, signal.SIG_IGN)
        raise Terminated(number)

    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])
