"""The paper's metric: unique (entity text, label) pairs of each sentence, both normalised.

Text and label are lower-cased, lose ASCII punctuation and the articles a, an, the, and get
single spaces. Counts are summed over a corpus (micro); corpora are averaged (macro).

Example:
    >>> entity_pairs(("The", "Who"), ("B-band", "I-band"))
    {('who', 'band')}
"""

import re
import string
from collections.abc import Sequence
from functools import lru_cache

from gner_core.records import published_spans
from gner_core.scoring.metrics.counts import ByType, by_type
from gner_core.scoring.scored import Answers, Scored

_PUNCTUATION = str.maketrans("", "", string.punctuation)
GOES_ON = "…"
"""Stands for the words of an entity that are in the next sentence."""
_ARTICLES = re.compile(r"\b(a|an|the)\b")


@lru_cache(maxsize=1 << 17)
def normalised(text: str) -> str:
    """Return the form of a text in which the paper compares."""
    plain = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", plain).split())


def entity_pairs(words: Sequence[str], tags: Sequence[str]) -> set[tuple[str, str]]:
    """Return the unique normalised (text, label) pairs of a sentence."""
    return {
        (normalised(" ".join(words[span.start : span.end])), normalised(span.label))
        for span in published_spans(tags)
    }


def answered_pairs(words: Sequence[str], answers: Answers) -> set[tuple[str, str]]:
    """Return the pairs that a system answered: also those that overlap, or that are not there."""
    found = [(" ".join(words[span.start : span.end]), span.label) for span in answers.spans]
    found += [(text, label) for label, text in answers.hallucinated]
    return {(normalised(text), normalised(label)) for text, label in found}


def pairs_beside(scored: Scored) -> set[tuple[str, str]]:
    """Return the pairs of entities that are predicted beside those of the tags."""
    words = (*scored.words, GOES_ON)
    return {
        (normalised(" ".join(words[span.start : span.end])), normalised(span.label))
        for span in scored.beside
    }


def pair_counts(scored: Scored) -> ByType:
    """Count right, predicted and gold pairs of one sentence, by normalised label."""
    gold = entity_pairs(scored.words, scored.gold)
    if scored.answers is not None:
        found = answered_pairs(scored.words, scored.answers)
    elif scored.predicted == scored.gold and scored.written is None:
        found = gold
    else:
        found = entity_pairs(scored.written or scored.words, scored.predicted)
    if scored.beside:
        found = found | pairs_beside(scored)
    return by_type(gold, found, label=1)
