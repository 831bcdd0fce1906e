"""The exceptions with a meaning of their own: the input is wrong, and work was stopped.

The command line shows an `InputError`'s message and exits with code 2; every other exception keeps
its traceback, since then the program is wrong.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from unicodedata import normalize

LINE_CHARACTERS = 300
"""Of a line that is taken from the message of another library."""


class InputError(Exception):
    """Something a user gave is wrong; the message names the file or field and says what to do.

    A message of several lines is a list of faults, one a line.
    """


class Stopped(Exception):  # noqa: N818 (no error)
    """Work was ended before it was done, because a signal or another step's fault ended its run."""


def first_line(error: BaseException) -> str:
    r"""Return the first line of an error's message, or its class where it has none.

    Libraries put addresses into their messages as they were given; credentials in them are left out.

    Example:
        >>> first_line(OSError("GET http://me:word@host/x fails\nagain"))
        'GET http://host/x fails'
        >>> first_line(TimeoutError())
        'TimeoutError'
    """
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return without_credentials(lines[0])[:LINE_CHARACTERS]


def without_credentials(text: str) -> str:
    """Return a text with addresses whose users and passwords are left out.

    Example:
        >>> without_credentials("https://me:word@host:5000/x")
        'https://host:5000/x'
        >>> without_credentials("sqlite:////x/mlflow.db")
        'sqlite:////x/mlflow.db'
    """
    return re.sub(r"(?<=://)[^/\s]*@", "", text)


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
