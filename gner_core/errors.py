"""The one exception that means "the input is wrong", as opposed to "the program is wrong".

Owns `InputError`. The command line shows its message on one line and exits with code 2; every
other exception keeps its traceback.

Example:
    >>> raise InputError("train.tsv, line 7: 3 columns where 2 were expected")
    Traceback (most recent call last):
    gner_core.errors.InputError: train.tsv, line 7: 3 columns where 2 were expected
"""


class InputError(Exception):
    """Something a user gave is wrong; the message names the place and says what to do."""
