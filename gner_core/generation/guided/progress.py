"""What has been decided for a sentence, what follows from a choice, and what a model says of it.

A sentence is asked about in one or several orders of its types. The probability of a label is its
mean over them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gner_core.generation.guided.choices import AFTER, Choices, Node


@dataclass(frozen=True, slots=True)
class Rated:
    """Log probabilities of the options of a decision: (orders, options)."""

    logs: Sequence[Sequence[float]]
    calm: Sequence[Sequence[float]]
    """At the temperature of confidences."""

    @classmethod
    def of(cls, logits: Sequence[Sequence[float]], temperature: float) -> "Rated":
        """Normalise the logits of the options (orders, options)."""
        logs = [normalised(row) for row in logits]
        if temperature == 1:
            return cls(logs, logs)
        return cls(logs, [normalised([value / temperature for value in row]) for row in logits])


@dataclass(frozen=True, slots=True)
class Path:
    """The log probability, in each order of the types, of what was chosen so far for a word."""

    logs: tuple[float, ...]
    calm: tuple[float, ...]
    """At the temperature of confidences."""

    @classmethod
    def start(cls, orders: int, log: float = 0.0) -> "Path":
        """Begin a word after labels of that log probability."""
        return cls((log,) * orders, (log,) * orders)

    def after(self, rated: Rated, option: int) -> "Path":
        """Go on with an option of a decision."""
        logs, calm = (
            tuple(before + row[option] for before, row in zip(known, rows, strict=True))
            for known, rows in ((self.logs, rated.logs), (self.calm, rated.calm))
        )
        return Path(logs, calm)

    @property
    def log(self) -> float:
        """Log of the mean probability."""
        return log_mean(self.logs)

    @property
    def confidence(self) -> float:
        """Log of the mean probability at the temperature of confidences."""
        return log_mean(self.calm)


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
    """Log probability of every tag among the allowed ones, at the temperature of confidences."""
    path: Path = field(default_factory=lambda: Path.start(1))
    """What was chosen so far for the tag that is being decided."""
    offsets: Mapping[str, float] = field(default_factory=dict)
    """Added to the log probabilities of tags where they are compared, in nats; 0 where none is."""

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


def normalised(values: Sequence[float]) -> list[float]:
    """Return the log softmax of logits."""
    total = log_sum(values)
    return [value - total for value in values]


def log_mean(logs: Sequence[float]) -> float:
    """Return the log of the mean of probabilities, given their logs.

    Example:
        >>> round(math.exp(log_mean([math.log(0.2), math.log(0.4)])), 6)
        0.3
    """
    return logs[0] if len(logs) == 1 else log_sum(logs) - math.log(len(logs))


def log_sum(values: Sequence[float]) -> float:
    """Return the log of the sum of probabilities, given their logs."""
    if len(values) == 1:
        return values[0]
    highest = max(values)
    return highest + math.log(sum(math.exp(value - highest) for value in values))
