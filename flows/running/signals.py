"""Graceful shutdown: SIGTERM and SIGHUP end a run as Ctrl-C does.

A signal that already has a handler keeps it; Prefect's raises its own `TerminationSignal`. What
happens before the end: `flows.running.frame`.
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
    """A signal requested the end of the run."""

    def __init__(self, number: int) -> None:
        """Name the signal."""
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise `Terminated` at the first such signal and ignore later ones.

    Only the main thread can do so; in another one nothing is changed. Whoever does not want to wait
    can send SIGKILL at any time without harm.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    defaults = {signal.SIG_DFL, signal.default_int_handler}
    before: dict[int, Any] = {n: signal.getsignal(n) for n in SIGNALS}
    ours = [number for number in SIGNALS if before[number] in defaults]

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
