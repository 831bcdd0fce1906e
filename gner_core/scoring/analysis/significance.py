"""Bootstrap intervals of scores, and a paired test of two systems.

Sentences are drawn with replacement within each corpus, so the mean over corpora keeps its
meaning; the paired test draws the same sentences for both systems. Everything is seeded.

Example:
    >>> rows = {"news": [(1, 1, 1), (0, 1, 1)]}
    >>> interval(rows, BootstrapParams(level=0.95, resamples=200, seed=1))["news"].low
    0.0
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gner_core.config.scoring import BootstrapParams

Rows = Mapping[str, Sequence[tuple[int, int, int]]]
"""Corpus → (right, predicted, gold) of each sentence."""
MEAN = "mean over corpora"
"""Its key among those of the corpora."""
Verdict = Literal["better", "worse", "even"]


@dataclass(frozen=True, slots=True)
class Interval:
    """The interval of a value, and the value of the sentences as they are."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """B minus A with its interval.

    `p` is the two-sided probability of a difference at least as large if each sentence's two
    outputs were swapped at random (approximate randomisation).
    """

    a: float
    b: float
    value: float
    low: float
    high: float
    p: float

    @property
    def verdict(self) -> Verdict:
        """Say whether B is better or worse beyond the interval, or neither."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "even"


def interval(rows: Rows, params: BootstrapParams) -> dict[str, Interval]:
    """Return the F1 interval of each corpus and of their mean."""
    drawn = {name: _f1(_draw(_array(r), params, name)) for name, r in rows.items()}
    values = {name: float(_f1(_array(r).sum(axis=0))) for name, r in rows.items()}
    drawn[MEAN] = np.mean(list(drawn.values()), axis=0)
    values[MEAN] = float(np.mean(list(values.values())))
    return {name: Interval(values[name], *_bounds(drawn[name], params.level)) for name in drawn}


def compare(a: Rows, b: Rows, params: BootstrapParams) -> dict[str, Difference]:
    """Return the difference in F1 for each corpus and for their mean.

    Args:
        a: counts of the first system; `b` those of the second, same sentences in the same order.
    """
    pairs = {name: np.stack([_array(a[name]), _array(b[name])], axis=1) for name in a}
    drawn, swapped, values = {}, {}, {}
    for name, pair in pairs.items():
        drawn[name] = _f1(_draw(pair, params, name))
        swapped[name] = _f1(_swap(pair, params, name))
        values[name] = _f1(pair.sum(axis=0))
    for table in (drawn, swapped, values):
        table[MEAN] = np.mean(list(table.values()), axis=0)
    return {
        name: _difference(values[name], drawn[name], swapped[name], params.level) for name in values
    }


def difference_of_means(a: Sequence[Rows], b: Sequence[Rows], params: BootstrapParams) -> Interval:
    """Return by how much the mean F1 of the runs `b` is above that of the runs `a`.

    F1 is the mean over corpora, and then over the runs of a side, such as those of several seeds.
    All runs have the same sentences in the same order, and the same are drawn for all: the interval
    says nothing about other seeds. Of one run each, it is that of `compare`.
    """
    drawn, values = [], []
    for name in a[0]:
        counts = np.stack([_array(run[name]) for run in (*a, *b)], axis=1)
        drawn.append(_gain(_f1(_draw(counts, params, name)), len(a)))
        values.append(_gain(_f1(counts.sum(axis=0)), len(a)))
    return Interval(float(np.mean(values)), *_bounds(np.mean(drawn, axis=0), params.level))


def _gain(f1: NDArray[np.float64], first: int) -> NDArray[np.float64]:
    """Return, of F1s whose last axis is runs, the mean of those behind the first ones minus theirs."""
    gain: NDArray[np.float64] = f1[..., first:].mean(axis=-1) - f1[..., :first].mean(axis=-1)
    return gain


def _difference(
    value: NDArray[np.float64],
    drawn: NDArray[np.float64],
    swapped: NDArray[np.float64],
    level: float,
) -> Difference:
    seen = value[1] - value[0]
    extreme = np.abs(swapped[:, 1] - swapped[:, 0]) >= abs(seen) - 1e-12
    p = (extreme.sum() + 1) / (len(swapped) + 1)
    bounds = _bounds(drawn[:, 1] - drawn[:, 0], level)
    return Difference(float(value[0]), float(value[1]), float(seen), *bounds, float(p))


def _array(rows: Sequence[tuple[int, int, int]]) -> NDArray[np.int64]:
    return np.asarray(rows, dtype=np.int64).reshape(-1, 3)


def _draw(counts: NDArray[np.int64], params: BootstrapParams, name: str) -> NDArray[np.int64]:
    """Return sums over sentences drawn with replacement: (resamples, *shape of one sentence).

    Sentences with equal counts are one class: how often classes are drawn is multinomial.
    """
    classes, sizes = np.unique(counts, axis=0, return_counts=True)
    random = _random(params.seed, f"draw/{name}")
    times = random.multinomial(len(counts), sizes / len(counts), size=params.resamples)
    sums: NDArray[np.int64] = np.tensordot(times, classes, axes=(1, 0))
    return sums


def _swap(pair: NDArray[np.int64], params: BootstrapParams, name: str) -> NDArray[np.int64]:
    """Return sums over sentences whose two outputs are swapped at random: (resamples, 2, 3)."""
    classes, sizes = np.unique(pair, axis=0, return_counts=True)
    random = _random(params.seed, f"swap/{name}")
    swapped = random.binomial(sizes, 0.5, size=(params.resamples, len(sizes)))
    sums: NDArray[np.int64] = np.tensordot(swapped, classes[:, ::-1] - classes, axes=(1, 0))
    sums += pair.sum(axis=0)
    return sums


def _random(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, *name.encode()])


def _f1(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return F1 from counts whose last axis is (right, predicted, gold)."""
    both = counts[..., 1] + counts[..., 2]
    f1: NDArray[np.float64] = np.zeros(both.shape)
    np.divide(2.0 * counts[..., 0], both, out=f1, where=both > 0)
    return f1


def _bounds(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    below = round((1 - level) / 2, 12)  # 0.025 and not a bit more
    low, high = np.quantile(values, [below, 1 - below])
    return float(low), float(high)
