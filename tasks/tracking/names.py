"""Names that MLflow takes: of params, metrics, tags, data sets and tables."""

import re

from gner_core.store.fingerprint import fingerprint

CHARACTERS = 250
PART = re.compile(r"(?!\.\.|\.$)[\w.\- :]+")
"""A part between slashes that MLflow takes; its name for a folder would do nothing else."""
REFUSED = re.compile(r"^\.+|[^\w.\- :]")
MARK = 6
"""Digits of the hash that tells rewritten names apart."""


def mlflow_name(name: str) -> str:
    """Return a name that MLflow takes: the same one, if it takes that.

    Letters, digits, blanks and `_ - . :` stay, and slashes between parts. In each part, any other
    character and dots at the beginning become `_`, and `-` with six digits of a hash of the part
    is added, so that two names stay two. A name of over 250 characters is cut to that in the same
    way: `labels.Drug (brand)/f1` becomes `labels.Drug _brand_-` and six digits, then `/f1`.
    """
    taken = "/".join(map(_part, name.split("/")))
    if len(taken) <= CHARACTERS:
        return taken
    return f"{taken[: CHARACTERS - MARK - 1]}-{_mark(name)}"


def _part(part: str) -> str:
    return part if PART.fullmatch(part) else f"{REFUSED.sub('_', part)}-{_mark(part)}"


def _mark(text: str) -> str:
    return fingerprint(text)[:MARK]
