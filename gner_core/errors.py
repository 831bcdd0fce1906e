"""The exceptions with a meaning of their own: the input is wrong, and work was stopped.

The command line shows an `InputError`'s message and exits with code 2; every other exception keeps
its traceback, since then the program is wrong.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from unicodedata import normalize


class InputError(Exception):
    """Something a user gave is wrong; the message names the file or field and says what to do.

    A message of several lines is a list of faults, one a line.
    """


class Stopped(Exception):  # noqa: N818 (no error)
    """Work was ended before it was done, because a signal or another step's fault ended its run."""


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return the end of a message that suggests a known name; empty where none is like it.

    Capitals make no difference.

    Example:
        >>> did_you_mean("beems", ["beams", "mode"])
        '; did you mean beams?'
    """
    names = {one.casefold(): one for one in known}
    close = get_close_matches(str(name).casefold(), list(names), n=1)
    return f"; did you mean {names[close[0]]}?" if close else ""


def other_form(one: str, other: str) -> str:
    r"""Return the end of a message on two texts that look alike; empty where they differ otherwise.

    Example:
        >>> other_form("Z\N{LATIN SMALL LETTER U WITH DIAERESIS}rich", "Zu\N{COMBINING DIAERESIS}rich")
        '; the two differ in Unicode normal form only: bring both into one, such as NFC'
    """
    if one == other or normalize("NFC", one) != normalize("NFC", other):
        return ""
    return "; the two differ in Unicode normal form only: bring both into one, such as NFC"
