"""Reads and scores UniNER's answers as the published code does, with its losses.

Only a list at the very start counts, on one line, up to its first closing bracket; any fault in it
gives nothing. Strings are compared in lower case, without ASCII punctuation and articles.
"""

import json
import re
import string

from gner_core.systems.interface import Counts

_LIST = re.compile(r"\[.*?\]")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_MARKER = "ASSISTANT:"


def normalized(text: str) -> str:
    """Return a string as the published metric compares it.

    Example:
        >>> normalized("The  U.S. (old)")
        'us old'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def published_strings(output: str) -> dict[str, str]:
    """Return the strings of an output by their normalized form, in order.

    Raises:
        ValueError: that says why the published reader found none where there was something.
    """
    text = output.rpartition(_MARKER)[2].strip()
    found = _LIST.match(text)
    if found is None:
        if text:
            raise ValueError("no list at the start")
        return {}
    try:
        items = json.loads(found[0])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the list is not JSON: {error}") from None
    if not all(isinstance(item, str) for item in items):
        raise ValueError("the list holds more than strings")
    strings: dict[str, str] = {}
    for item in items:
        strings.setdefault(normalized(item), item)
    return strings


def published_counts(gold: str, output: str) -> Counts:
    """Return the counts of the published metric for one question.

    Args:
        gold: the right answer, a JSON list.
    """
    wanted, found = _compared(gold), _compared(output)
    return Counts(len(wanted & found), len(found), len(wanted))


def _compared(output: str) -> set[str]:
    try:
        return {*published_strings(output)}
    except ValueError:
        return set()
