"""Reads and scores InstructUIE's answers as the published code does.

An answer is a set of normalized parts between semicolons, whatever they hold: `none` equals `none`,
and an empty part is a prediction, too.
"""

import re

from gner_core.systems.interface import Counts

_GAPS = re.compile(r"\s*([,:().;_'-])\s*")
_REPEATED = re.compile(r"([,.;])\1+")


def normalized(text: str) -> str:
    """Return a text as the published metric compares it.

    Example:
        >>> normalized("Location : St. John ’s {x};; ")
        "located:st.john 's x;"
    """
    squeezed = _GAPS.sub(r"\1", " ".join(text.split())).lower()
    plain = _REPEATED.sub(r"\1", squeezed.replace("{", "").replace("}", ""))
    return plain.replace("’", "'").replace("location", "located")


def published_parts(output: str) -> list[str]:
    """Return the normalized parts of an output, each once, in order."""
    return [*dict.fromkeys(normalized(part) for part in normalized(output).split(";"))]


def published_counts(gold: str, output: str) -> Counts:
    """Return the counts of the published metric for one sentence.

    Args:
        gold: the right answer, in the form of a target.
    """
    wanted, found = {*published_parts(gold)}, {*published_parts(output)}
    return Counts(len(wanted & found), len(found), len(wanted))
