"""What all bootstrap intervals share: counts of sentences, sums over drawn sentences, quantiles.

Everything is seeded, and a corpus is drawn alike whatever others there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gner_core.config.scoring import BootstrapParams

Rows = Mapping[str, Sequence[tuple[int, int, int]]]
"""Corpus → (right, predicted, gold) of each sentence."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The interval of a value, and the value of the sentences as they are."""

    value: float
    low: float
    high: float


def as_array(rows: Sequence[tuple[int, int, int]]) -> NDArray[np.int64]:
    """Return the counts of sentences: (sentences, 3)."""
    return np.asarray(rows, dtype=np.int64).reshape(-1, 3)


def drawn_sums(counts: NDArray[np.int64], params: BootstrapParams, name: str) -> NDArray[np.int64]:
    """Return sums over sentences drawn with replacement: (resamples, *shape of one sentence).

    Sentences with equal counts are one class: how often classes are drawn is multinomial.
    """
    classes, sizes = np.unique(counts, axis=0, return_counts=True)
    random = generator(params.seed, f"draw/{name}")
    times = random.multinomial(len(counts), sizes / len(counts), size=params.resamples)
    sums: NDArray[np.int64] = np.tensordot(times, classes, axes=(1, 0))
    return sums


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the random numbers of one purpose, such as the draws of a corpus."""
    return np.random.default_rng([seed, *name.encode()])


def f1_of(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return F1 from counts whose last axis is (right, predicted, gold)."""
    both = counts[..., 1] + counts[..., 2]
    f1: NDArray[np.float64] = np.zeros(both.shape)
    np.divide(2.0 * counts[..., 0], both, out=f1, where=both > 0)
    return f1


def bounds_of(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Return the quantiles between which a share `level` of drawn values lies."""
    below = round((1 - level) / 2, 12)  # 0.025 and not a bit more
    low, high = np.quantile(values, [below, 1 - below])
    return float(low), float(high)
