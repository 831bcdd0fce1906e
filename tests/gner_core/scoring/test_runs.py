"""Intervals of means over seeds, where they can be computed by hand."""

import pytest

from gner_core.config.scoring import BootstrapParams
from gner_core.scoring.analysis.draws import Rows
from gner_core.scoring.analysis.runs import difference_of_means, mean_of_runs
from gner_core.scoring.analysis.significance import MEAN, compare, interval

PARAMS = BootstrapParams(level=0.95, resamples=1000, seed=1)
A: Rows = {"music": [(1, 1, 1), (0, 1, 1), (1, 2, 1)], "news": [(1, 2, 2), (2, 2, 2)]}
B: Rows = {"music": [(1, 1, 1), (1, 1, 1), (1, 2, 1)], "news": [(0, 2, 2), (2, 2, 2)]}


def like(f1: float) -> Rows:
    """Twenty equal sentences, so that drawing them changes nothing."""
    return {"music": [(round(10 * f1), 10, 10)] * 20}


def test_of_single_runs_they_are_those_of_the_sentences() -> None:
    found, known = mean_of_runs({"": [A]}, PARAMS), interval(A, PARAMS)[MEAN]
    assert (found.value, found.low, found.high) == (known.value, known.low, known.high)
    change, paired = difference_of_means({"": [A]}, {"": [B]}, PARAMS), compare(A, B, PARAMS)[MEAN]
    assert (change.value, change.low, change.high) == (paired.value, paired.low, paired.high)


def test_two_seeds_without_other_variance_span_their_interval() -> None:
    """Means of two drawn seeds: 0.4, 0.5, 0.5, 0.6, a quarter each."""
    found = mean_of_runs({"1": [like(0.4)], "2": [like(0.6)]}, PARAMS)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.4, 0.6))
    narrow = BootstrapParams(level=0.4, resamples=1000, seed=1)  # from 0.3 to 0.7 of the draws
    found = mean_of_runs({"1": [like(0.4)], "2": [like(0.6)]}, narrow)
    assert (found.low, found.high) == pytest.approx((0.5, 0.5))


def test_seeds_that_both_sides_have_are_drawn_together() -> None:
    a = {"1": [like(0.4)], "2": [like(0.6)]}
    paired = difference_of_means(a, {"1": [like(0.5)], "2": [like(0.7)]}, PARAMS)
    assert (paired.value, paired.low, paired.high) == pytest.approx((0.1, 0.1, 0.1))
    others = difference_of_means(a, {"3": [like(0.5)], "4": [like(0.7)]}, PARAMS)
    assert (others.value, others.low, others.high) == pytest.approx((0.1, -0.1, 0.3))


def test_a_side_may_hold_several_runs_a_seed() -> None:
    several = {"1": [like(0.4), like(0.6)], "2": [like(0.5), like(0.7)]}
    found = mean_of_runs(several, PARAMS)
    assert (found.value, found.low, found.high) == pytest.approx((0.55, 0.5, 0.6))


def test_a_share_of_all_entities_weighs_corpora_by_their_entities() -> None:
    missed: Rows = {"music": [(1, 1, 1)] * 3, "news": [(0, 7, 7)]}
    assert mean_of_runs({"": [missed]}, PARAMS, pooled=True).value == pytest.approx(0.3)
    assert mean_of_runs({"": [missed]}, PARAMS).value == pytest.approx(0.5)
