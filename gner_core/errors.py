"""The exceptions with a meaning of their own: the input is wrong, and work was stopped.

The command line shows an `InputError`'s message and exits with code 2; every other exception keeps
its traceback, since then the program is wrong.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(Exception):
    """Something a user gave is wrong; the message names the file or field and says what to do.

    A message of several lines is a list of faults, one a line.
    """


class Stopped(Exception):  # noqa: N818 (no error)
    """Work was ended before it was done, because a signal or another step's fault ended its run."""


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return the end of a message that suggests a known name; empty where none is like it.

    Example:
        >>> did_you_mean("beems", ["beams", "mode"])
        '; did you mean beams?'
    """
    close = get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
