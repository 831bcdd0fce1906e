"""Means over runs, such as those of several seeds, and differences of such means, with intervals.

Sentences are drawn with replacement within each corpus, the same for all runs; seeds are drawn with
replacement, too, the same for both sides of a difference where both have the same. With one seed
there is nothing to draw: the interval is that of the sentences alone.

Example:
    >>> params = BootstrapParams(level=0.95, resamples=1000, seed=1)
    >>> runs = {"1": [{"news": [(2, 5, 5)]}], "2": [{"news": [(3, 5, 5)]}]}
    >>> mean_of_runs(runs, params)
    Interval(value=0.5, low=0.4, high=0.6)
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gner_core.config.scoring import BootstrapParams
from gner_core.scoring.analysis.draws import (
    Interval,
    Rows,
    as_array,
    bounds_of,
    drawn_sums,
    f1_of,
    generator,
)

Runs = Mapping[str, Sequence[Rows]]
"""Seed → its runs; a mean is over the runs of each seed, and then over the seeds. All runs have the same
sentences in the same order."""
Values = NDArray[np.float64]


def mean_of_runs(runs: Runs, params: BootstrapParams, *, pooled: bool = False) -> Interval:
    """Return the mean F1 of runs.

    Args:
        pooled: whether F1 is that of the sentences of all corpora together, instead of the mean over
            corpora. A share of gold entities is the F1 of counts (entities, gold, gold).
    """
    drawn, values = _figures([runs], params, pooled=pooled)
    (mean,) = _over_seeds([runs], drawn, params)
    return Interval(float(values[0].mean()), *bounds_of(mean, params.level))


def difference_of_means(
    a: Runs, b: Runs, params: BootstrapParams, *, pooled: bool = False
) -> Interval:
    """Return by how much the mean F1 of the runs `b` is above that of the runs `a`.

    Of one run each, it is that of `significance.compare`. `pooled` is as in `mean_of_runs`.
    """
    drawn, values = _figures([a, b], params, pooled=pooled)
    before, after = _over_seeds([a, b], drawn, params)
    value = float(values[1].mean() - values[0].mean())
    return Interval(value, *bounds_of(after - before, params.level))


def _figures(
    sides: Sequence[Runs], params: BootstrapParams, *, pooled: bool
) -> tuple[list[Values], list[Values]]:
    """Return the F1 of each seed of each side: in each draw (resamples, seeds), and as it is (seeds,)."""
    runs = [rows for side in sides for some in side.values() for rows in some]
    counts = {name: np.stack([as_array(rows[name]) for rows in runs], axis=1) for name in runs[0]}
    drawn = _f1_over_corpora(
        [drawn_sums(one, params, name) for name, one in counts.items()], pooled=pooled
    )
    as_is = _f1_over_corpora([one.sum(axis=0) for one in counts.values()], pooled=pooled)
    places = iter(range(len(runs)))
    by_seed = [[[next(places) for _ in some] for some in side.values()] for side in sides]
    return (
        [np.stack([drawn[:, some].mean(axis=1) for some in side], axis=1) for side in by_seed],
        [np.array([as_is[some].mean() for some in side]) for side in by_seed],
    )


def _f1_over_corpora(sums: Sequence[NDArray[np.int64]], *, pooled: bool) -> Values:
    if pooled:
        return f1_of(np.sum(sums, axis=0))
    mean: Values = np.mean([f1_of(one) for one in sums], axis=0)
    return mean


def _over_seeds(
    sides: Sequence[Runs], drawn: Sequence[Values], params: BootstrapParams
) -> list[Values]:
    """Return the mean over drawn seeds in each draw of sentences, a side each."""
    paired = len({tuple(side) for side in sides}) == 1
    means = []
    for number, (side, values) in enumerate(zip(sides, drawn, strict=True)):
        random = generator(params.seed, "seeds" if paired else f"seeds/{number}")
        picked = random.integers(0, len(side), size=values.shape)
        means.append(np.take_along_axis(values, picked, axis=1).mean(axis=1))
    return means
