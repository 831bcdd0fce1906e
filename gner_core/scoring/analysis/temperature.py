"""The temperature of confidences that suits tagged sentences (Guo et al. 2017, with labels as cases).

Every word is written by one or several decisions. The probability of its label is the product of
theirs, averaged over the orders of the types in which a model was asked.

Example:
    >>> sure = Decided(logits=[[2.0, 0.0]], right=0)
    >>> wrong = Decided(logits=[[2.0, 0.0]], right=1)
    >>> round(fitted_temperature([[sure], [sure], [sure], [wrong]]), 2)  # right three times of four
    1.82
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = 0.05, 20.0
STEPS = 40
"""Of the golden section, whose last interval is 1e-8 of the first."""
GOLDEN = (math.sqrt(5) - 1) / 2
Array = NDArray[np.float64]


class Decided(NamedTuple):
    """A decision on the way to the right label of a word."""

    logits: Sequence[Sequence[float]]
    """(orders, options)"""
    right: int
    """The option that leads to the label."""


class LabelLoss:
    """The log loss of the right labels by temperature."""

    def __init__(self, words: Sequence[Sequence[Decided]]) -> None:
        """Take the decisions of each word."""
        alike: dict[int, list[Sequence[Decided]]] = defaultdict(list)
        for word in words:
            alike[len(word[0].logits)].append(word)
        self._words = len(words)
        self._groups = [_Group.of(group) for group in alike.values()]

    def __call__(self, temperature: float) -> float:
        """Return the mean negative log probability of a right label, in nats."""
        return sum(group.loss(temperature) for group in self._groups) / self._words


class _Group(NamedTuple):
    """Words that were asked about in as many orders."""

    distances: Array
    """(decisions, orders, options): logits less that of the right option; -inf for no option."""
    starts: NDArray[np.int64]
    """(words): the first decision of each."""

    @classmethod
    def of(cls, words: Sequence[Sequence[Decided]]) -> "_Group":
        decided = [one for word in words for one in word]
        widest = max(len(one.logits[0]) for one in decided)
        distances = np.full((len(decided), len(decided[0].logits), widest), -np.inf)
        for n, one in enumerate(decided):
            logits = np.asarray(one.logits)
            distances[n, :, : logits.shape[1]] = logits - logits[:, one.right, None]
        counts = [len(word) for word in words]
        return cls(distances, np.cumsum([0, *counts[:-1]]))

    def loss(self, temperature: float) -> float:
        """Return the sum over words."""
        scaled = self.distances / temperature
        highest = scaled.max(axis=2, keepdims=True)
        logs = -(highest[..., 0] + np.log(np.exp(scaled - highest).sum(axis=2)))
        by_word = np.add.reduceat(logs, self.starts, axis=0)
        best = by_word.max(axis=1, keepdims=True)
        mean = best[:, 0] + np.log(np.exp(by_word - best).mean(axis=1))
        return -float(mean.sum())


def fitted_temperature(words: Sequence[Sequence[Decided]]) -> float:
    """Return the temperature with the lowest log loss, by golden section on its logarithm.

    It lies between 0.05 and 20, and has three decimals.

    Args:
        words: the decisions of each word that lead to its right label.
    """
    loss = LabelLoss(words)
    low, high = math.log(LOWEST), math.log(HIGHEST)
    inner = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)]
    losses = [loss(math.exp(at)) for at in inner]
    for _ in range(STEPS):
        if losses[0] <= losses[1]:
            high, inner[1], losses[1] = inner[1], inner[0], losses[0]
            inner[0] = high - GOLDEN * (high - low)
            losses[0] = loss(math.exp(inner[0]))
        else:
            low, inner[0], losses[0] = inner[0], inner[1], losses[1]
            inner[1] = low + GOLDEN * (high - low)
            losses[1] = loss(math.exp(inner[1]))
    return round(math.exp((low + high) / 2), 3)
