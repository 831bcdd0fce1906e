"""Reads generated text exactly as the paper's published code does, with its losses.

A tag is `(O)`, or a bracket that opens with `B-` or `I-` and ends at the next closing one; so labels
that hold brackets or line ends are lost, and words that look like tags. Tags of unknown types become
O; tags without a word are dropped.

Example:
    >>> read_published("Ada(B-person) waves(O) hap", ("person",))
    ReadText(words=['Ada', 'waves'], tags=['B-person', 'O'], unknown=0, rest='hap')
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from gner_core.systems.gner.reading import ReadText

_TAG = re.compile(r"\(([BI]-.*?|O)\)")


def read_published(text: str, types: Sequence[str]) -> ReadText:
    """Split generated text into words and tags."""
    *pieces, rest = _TAG.split(text.strip())
    words = [*map(str.strip, pieces[::2])]
    tags = [*map(str.strip, pieces[1::2])]
    if "" in words:
        tags = [tag for word, tag in zip(words, tags, strict=True) if word]
        words = [word for word in words if word]
    known = _tags(frozenset(types))
    unknown = 0
    if not known.issuperset(tags):
        unknown = sum(tag not in known for tag in tags)
        tags = [tag if tag in known else "O" for tag in tags]
    return ReadText(words, tags, unknown, rest.strip())


@lru_cache(maxsize=4096)
def _tags(types: frozenset[str]) -> frozenset[str]:
    return frozenset(["O", *(f"{prefix}-{name}" for name in types for prefix in "BI")])
