"""Bootstrap intervals of scores, and a paired test of two systems.

Sentences are drawn with replacement within each corpus, so the mean over corpora keeps its
meaning; the paired test draws the same sentences for both systems. Everything is seeded.

Example:
    >>> rows = {"news": [(1, 1, 1), (0, 1, 1)]}
    >>> interval(rows, BootstrapParams(level=0.95, resamples=200, seed=1))["news"].low
    0.0
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gner_core.config.scoring import BootstrapParams
from gner_core.errors import InputError
from gner_core.scoring.analysis.draws import (
    Interval,
    Rows,
    as_array,
    bounds_of,
    drawn_sums,
    f1_of,
    generator,
)

MEAN = "mean over corpora"
"""Its key among those of the corpora."""
Verdict = Literal["better", "worse", "even"]


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
    """Return the F1 interval of each corpus and of their mean.

    Raises:
        InputError: for a corpus that has the name of the mean.
    """
    _check_names(rows)
    drawn = {name: f1_of(drawn_sums(as_array(r), params, name)) for name, r in rows.items()}
    values = {name: float(f1_of(as_array(r).sum(axis=0))) for name, r in rows.items()}
    drawn[MEAN] = np.mean(list(drawn.values()), axis=0)
    values[MEAN] = float(np.mean(list(values.values())))
    return {name: Interval(values[name], *bounds_of(drawn[name], params.level)) for name in drawn}


def compare(a: Rows, b: Rows, params: BootstrapParams) -> dict[str, Difference]:
    """Return the difference in F1 for each corpus and for their mean.

    Args:
        a: counts of the first system; `b` those of the second, same sentences in the same order.

    Raises:
        InputError: for a corpus that has the name of the mean.
    """
    _check_names(a)
    pairs = {name: np.stack([as_array(a[name]), as_array(b[name])], axis=1) for name in a}
    drawn, swapped, values = {}, {}, {}
    for name, pair in pairs.items():
        drawn[name] = f1_of(drawn_sums(pair, params, name))
        swapped[name] = f1_of(_swap(pair, params, name))
        values[name] = f1_of(pair.sum(axis=0))
    for table in (drawn, swapped, values):
        table[MEAN] = np.mean(list(table.values()), axis=0)
    return {
        name: _difference(values[name], drawn[name], swapped[name], params.level) for name in values
    }


def _check_names(rows: Rows) -> None:
    if MEAN in rows:
        raise InputError(
            f"a corpus is named {MEAN!r}, as tables name the mean of all; give it another name"
        )


def _difference(
    value: NDArray[np.float64],
    drawn: NDArray[np.float64],
    swapped: NDArray[np.float64],
    level: float,
) -> Difference:
    seen = value[1] - value[0]
    extreme = np.abs(swapped[:, 1] - swapped[:, 0]) >= abs(seen) - 1e-12
    p = (extreme.sum() + 1) / (len(swapped) + 1)
    bounds = bounds_of(drawn[:, 1] - drawn[:, 0], level)
    return Difference(float(value[0]), float(value[1]), float(seen), *bounds, float(p))


def _swap(pair: NDArray[np.int64], params: BootstrapParams, name: str) -> NDArray[np.int64]:
    """Return sums over sentences whose two outputs are swapped at random: (resamples, 2, 3)."""
    classes, sizes = np.unique(pair, axis=0, return_counts=True)
    random = generator(params.seed, f"swap/{name}")
    swapped = random.binomial(sizes, 0.5, size=(params.resamples, len(sizes)))
    sums: NDArray[np.int64] = np.tensordot(swapped, classes[:, ::-1] - classes, axes=(1, 0))
    sums += pair.sum(axis=0)
    return sums
