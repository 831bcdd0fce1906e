"""Counts of a set of sentences: what Table 8 of the paper counts, and a little more.

Owns integer counts only; nothing here judges them.

Example:
    >>> from gner_core.records import Sentence
    >>> count([Sentence("a", "c", ("Ada",), ("B-person",), ("person",))])["entities"]
    1
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from gner_core.records import Sentence, spans_of


def count(sentences: Iterable[Sentence]) -> dict[str, Any]:
    """Return the numbers of sentences, words, entities, types, and entities of each type."""
    entities: Counter[str] = Counter()
    types: set[str] = set()
    total = words = longest = 0
    for sentence in sentences:
        total += 1
        words += len(sentence.words)
        longest = max(longest, len(sentence.words))
        types.update(sentence.types)
        entities.update(span.label for span in spans_of(sentence.tags))
    return {
        "sentences": total,
        "words": words,
        "longest": longest,
        "types": len(types),
        "entities": entities.total(),
        "entities_by_type": dict(sorted(entities.items())),
    }
