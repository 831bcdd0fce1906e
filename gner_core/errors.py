"""The exceptions with a meaning of their own: the input is wrong, and work was stopped.

The command line shows an `InputError`'s message on one line and exits with code 2; every other
exception keeps its traceback, since then the program is wrong.
"""


class InputError(Exception):
    """Something a user gave is wrong; the message names the file or field and says what to do."""


class Stopped(Exception):  # noqa: N818 (no error)
    """Work was ended before it was done, because a signal or another step's fault ended its run."""
