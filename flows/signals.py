"""SIGTERM and SIGHUP end a run as Ctrl-C does: workers get their checkpoint, tracking its end.

Owns turning signals into exceptions. Where Prefect or somebody else handles a signal already, it is
left to them; Prefect raises its own `TerminationSignal`. What is done about it: `flows.gner`.

Example:
    with ended_by_signals():
        try:
            work()     # may raise Terminated, once
        except ENDINGS:
            ...
"""

import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, TextIO

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
    terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]

    def end(number: int, _: FrameType | None) -> None:
        for one in ours:
            signal.signal(one, signal.SIG_IGN)
        if number == signal.SIGHUP:
            _print_nowhere(terminals)
        raise Terminated(number)

    for number in ours:
        signal.signal(number, end)
    outputs = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(lasting_output, outputs)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = outputs
        for number in ours:
            signal.signal(number, before[number])


def lasting_output(stream: TextIO) -> TextIO:
    """Return a stream to the same terminal that takes no harm when it is closed; others as they are.

    A thread may print before the main thread hears of SIGHUP, and for good where that is ignored.
    """
    if not stream.isatty():
        return stream
    stream.flush()
    terminal = io.BufferedWriter(_Terminal(stream.fileno(), "w", closefd=False))
    return io.TextIOWrapper(
        terminal, encoding=stream.encoding, errors=stream.errors, line_buffering=True
    )


class _Terminal(io.FileIO):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as fault:
            if fault.errno != errno.EIO:
                raise
            return len(data)


def _print_nowhere(descriptors: Sequence[int]) -> None:
    """Take the place of terminals that are closed: printing to them is an error that ends a run."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
