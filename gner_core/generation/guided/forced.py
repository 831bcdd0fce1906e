"""The decisions that lead to given labels, with what a model says of their options."""

from collections.abc import Sequence
from typing import NamedTuple

from gner_core.generation.guided.choices import Tokens
from gner_core.generation.guided.panel import Panel
from gner_core.generation.guided.progress import SentenceProgress, follow
from gner_core.generation.packed.forward import Feed
from gner_core.scoring.analysis.temperature import Decided


class _Forced(NamedTuple):
    """A decision whose outcome is given."""

    at: int
    """Index of the token before it, of those that a sentence is fed."""
    word: int
    options: list[Tokens]
    right: int
    """The option that is given."""


def forced_words(
    sentences: Sequence[SentenceProgress], tags: Sequence[Sequence[str]], panel: Panel
) -> list[list[list[Decided]]]:
    """Return the decisions of every word of every sentence, in one forward pass.

    Args:
        sentences: before their first decision; sentence n has row n.
        tags: valid BIO of the sentences' types.
    """
    forced = [_forced(one, labels) for one, labels in zip(sentences, tags, strict=True)]
    feeds = [
        Feed(sentence.fed, tokens, [one.at for one in decisions])
        for sentence, (tokens, decisions) in zip(sentences, forced, strict=True)
    ]
    options = [one.options for _, decisions in forced for one in decisions]
    logits = iter(panel.logits(range(len(sentences)), feeds, options))
    found = []
    for labels, (_, decisions) in zip(tags, forced, strict=True):
        words: list[list[Decided]] = [[] for _ in labels]
        for one in decisions:
            words[one.word].append(Decided(next(logits), one.right))
        found.append(words)
    return found


def _forced(sentence: SentenceProgress, tags: Sequence[str]) -> tuple[list[int], list[_Forced]]:
    """Return the tokens of a sentence up to its last decision, and all decisions."""
    choices, word, node = sentence.choices, sentence.word, sentence.node
    tokens, decisions = list(sentence.pending), []
    while True:
        key = node.leads[tags[word]]
        right = list(node.children).index(key)
        decisions.append(_Forced(len(tokens) - 1, word, choices.ids(word, node), right))
        more, given, following = follow(choices, key, word=word, node=node)
        if following is None:
            return tokens, decisions
        tokens += more
        word, node = word + len(given), following
