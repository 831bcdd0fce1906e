"""The text that the model learns to write: every word with its BIO tag behind it (Fig. 3).

Owns the target's form. Reading it back is `gner_core.schemas.reading`.

Example:
    >>> target(("New", "York", "waits"), ("B-location", "I-location", "O"))
    'New(B-location) York(I-location) waits(O)'
"""

from collections.abc import Sequence


def target(words: Sequence[str], tags: Sequence[str]) -> str:
    """Return `word(tag)` for every word, joined by single spaces."""
    return " ".join(f"{word}({tag})" for word, tag in zip(words, tags, strict=True))


def longest_target(words: Sequence[str], types: Sequence[str]) -> str:
    """Return the target with the longest possible tag behind every word.

    Decoding budgets are derived from it: no correct answer is longer.
    """
    longest = max((f"I-{name}" for name in types), key=len, default="O")
    return target(words, [longest] * len(words))
