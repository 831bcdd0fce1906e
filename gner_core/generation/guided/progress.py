"""What has been decided for a sentence, and what follows from a choice."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from gner_core.generation.guided.choices import AFTER, Choices, Node
from gner_core.generation.packed.forward import Forward


@dataclass(slots=True)
class SentenceProgress:
    """The tags of a sentence so far, and the tokens up to its next decision."""

    choices: Choices
    fed: int
    """Tokens in the cache."""
    pending: list[int]
    """Tokens to be fed before the next decision."""
    word: int
    node: Node
    tags: list[str] = field(default_factory=list)
    logs: list[float] = field(default_factory=list)
    """Log probability of every tag among the allowed ones."""
    log: float = 0.0
    """Log probability so far of the tag that is being decided."""

    @property
    def finished(self) -> bool:
        """Say whether every word has its tag."""
        return len(self.tags) == len(self.choices)


def follow(
    choices: Choices, key: int, *, word: int, node: Node
) -> tuple[list[int], list[str], Node | None]:
    """Return what follows from choosing a child of a node: tokens, tags, and the next decision.

    After the last word the next decision is None and nothing needs to be fed.
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
    """Return the log probabilities of each hidden state's options, normalised over them."""
    tokens = sorted({token for row in options for token in row})
    column = {token: n for n, token in enumerate(tokens)}
    found = []
    for row, ids in zip(forward.logits(hidden, tokens).tolist(), options, strict=True):
        values = [row[column[token]] for token in ids]
        highest = max(values)
        log_sum = highest + math.log(sum(math.exp(value - highest) for value in values))
        found.append([value - log_sum for value in values])
    return found
