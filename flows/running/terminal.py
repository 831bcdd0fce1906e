"""Standard streams that are closed, and printing to a terminal that may be closed at any time.

Of a lost connection the kernel tells by SIGHUP, which may come late or be ignored; ending for it is in
`flows.running.signals`.
"""

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

IN_ASCII = "in-ascii"
ASCII = {"–": "-", "×": "x", "→": ">", "…": "...", "²": "2", "█": "#", "’": "'"}
"""Signs that commands print themselves."""


def open_closed_streams() -> None:
    """Put nothing in place of standard streams that were closed before the program began.

    A file that is opened later would else get their numbers, and what is printed would go into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
            setattr(sys, name, os.fdopen(opened, "w" if number else "r", encoding="utf-8"))


def show_any_text() -> None:
    """Have signs that the encoding of the terminal lacks written in ASCII, or as their codes."""
    codecs.register_error(IN_ASCII, _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=IN_ASCII)


def _in_ascii(error: UnicodeError) -> tuple[str | bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    sign = error.object[error.start]
    if sign in ASCII:
        return ASCII[sign], error.start + 1
    return codecs.backslashreplace_errors(error)


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
