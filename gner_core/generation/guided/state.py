"""How far a sentence has come, and what follows from a choice."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from gner_core.generation.guided.choices import AFTER, Choices, Node
from gner_core.generation.guided.forward import Forward


@dataclass(slots=True)
class SentenceState:
    """How far a sentence has come: it always waits before a decision."""

    index: int
    """Of the sentence in its batch."""
    choices: Choices
    fed: int
    """Tokens in the cache."""
    pending: list[int]
    """Tokens that are known and come next."""
    word: int
    node: Node
    tags: list[str] = field(default_factory=list)
    logs: list[float] = field(default_factory=list)
    """Log probability of every tag among the allowed ones."""
    log: float = 0.0
    """That of the tag that is being decided, so far."""

    @property
    def finished(self) -> bool:
        """Say whether every word has its tag."""
        return len(self.tags) == len(self.choices)


def follow(
    choices: Choices, key: int, *, word: int, node: Node
) -> tuple[list[int], list[str], Node | None]:
    """Return what follows from choosing a child of a node: tokens, tags, and the next decision.

    The next decision is None behind the last word; nothing needs to be fed then.
    """
    child = node.children[key]
    tokens = [*([] if key == AFTER else [key]), *child.forced]
    if child.tag is None:
        return tokens, [], child
    if word + 1 == len(choices):
        return [], [child.tag], None
    root = choices.root(word + 1, before=child.tag)
    return [*tokens, *root.forced], [child.tag], root


def log_probabilities(
    forward: Forward, hidden: torch.Tensor, options: Sequence[Sequence[int]]
) -> list[list[float]]:
    """Return per hidden state the log probabilities of its options among each other."""
    tokens = sorted({token for row in options for token in row})
    place = {token: n for n, token in enumerate(tokens)}
    found = []
    for row, ids in zip(forward.logits(hidden, tokens).tolist(), options, strict=True):
        values = [row[place[token]] for token in ids]
        highest = max(values)
        log_sum = highest + math.log(sum(math.exp(value - highest) for value in values))
        found.append([value - log_sum for value in values])
    return found
