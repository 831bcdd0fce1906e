"""Printing to a terminal that may be closed before the command ends, as by a lost connection.

The kernel says so by SIGHUP, which may come late or be ignored; ending for it is in
`flows.running.signals`.
"""

import errno
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO


@contextmanager
def lasting_terminal() -> Iterator[None]:
    """Have standard output and error take no harm when their terminal is closed."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(lasting_output, before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def lasting_output(stream: TextIO) -> TextIO:
    """Return a stream to the same terminal that may be closed; files and pipes as they are."""
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
