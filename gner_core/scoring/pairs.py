"""The paper's metric: unique (entity text, label) pairs of each sentence, both normalised.

Text and label are lower-cased, lose ASCII punctuation and the articles a, an, the, and get
single spaces. Counts are summed over a corpus (micro); corpora are averaged (macro).

Entities are read from tags as the published code does: B or O closes an entity, an I- without
B- opens one, and an entity takes the type of its last word.

Example:
    >>> pair_counts(("The", "Who"), ("O", "B-band"), ("B-band", "I-band")).right
    1
"""

import re
import string
from collections.abc import Sequence
from functools import lru_cache

from gner_core.records import Span
from gner_core.scoring.counts import Counts

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


@lru_cache(maxsize=1 << 16)
def normalised(text: str) -> str:
    """Return the form of a text in which the paper compares."""
    plain = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", plain).split())


def paper_spans(tags: Sequence[str]) -> list[Span]:
    """Return the entities of a tag sequence by the published rule."""
    spans: list[Span] = []
    start = -1
    label = ""
    for position, tag in enumerate((*tags, "O")):
        if start >= 0 and not tag.startswith("I-"):
            spans.append(Span(start, position, label))
            start = -1
        if tag != "O":
            start = position if start < 0 else start
            label = tag[2:]
    return spans


def entity_pairs(words: Sequence[str], tags: Sequence[str]) -> set[tuple[str, str]]:
    """Return the unique normalised (text, label) pairs of a sentence."""
    return {
        (normalised(" ".join(words[span.start : span.end])), normalised(span.label))
        for span in paper_spans(tags)
    }


def pair_counts(words: Sequence[str], gold: Sequence[str], predicted: Sequence[str]) -> Counts:
    """Count right, predicted and gold pairs of one sentence."""
    wanted, found = entity_pairs(words, gold), entity_pairs(words, predicted)
    return Counts(right=len(wanted & found), predicted=len(found), gold=len(wanted))
