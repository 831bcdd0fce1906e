import numpy as np
import pytest

from gner_core.config.scoring import BootstrapParams
from gner_core.errors import InputError
from gner_core.scoring.analysis.significance import MEAN, compare, interval

ROWS = {
    "a": [(1, 1, 1), (0, 1, 1), (2, 3, 2)] * 40,
    "b": [(1, 2, 2), (0, 0, 1)] * 60,
}


def params(*, level: float = 0.95, resamples: int = 1000, seed: int = 1) -> BootstrapParams:
    return BootstrapParams(level=level, resamples=resamples, seed=seed)


def test_the_interval_holds_the_score_and_narrows_with_more_sentences() -> None:
    wide = interval(ROWS, params())
    narrow = interval({name: rows * 25 for name, rows in ROWS.items()}, params())
    assert wide["a"].value == pytest.approx(2 * 120 / (200 + 160))
    for name in ("a", "b", MEAN):
        assert wide[name].low < wide[name].value < wide[name].high
        ratio = (wide[name].high - wide[name].low) / (narrow[name].high - narrow[name].low)
        assert 4 < ratio < 6  # the square root of 25


def test_no_corpus_has_the_name_of_the_mean() -> None:
    rows = {"a": [(1, 1, 1)], MEAN: [(1, 1, 1)]}
    for refused in (lambda: interval(rows, params()), lambda: compare(rows, rows, params())):
        with pytest.raises(InputError, match="a corpus is named 'mean over corpora'"):
            refused()


def test_the_interval_agrees_with_drawing_sentences_one_by_one() -> None:
    draw = np.random.default_rng(0)
    rows = np.asarray(ROWS["a"])
    drawn = [rows[draw.integers(0, len(rows), len(rows))].sum(axis=0) for _ in range(2000)]
    f1 = [2 * right / (found + gold) for right, found, gold in drawn]
    found = interval({"a": ROWS["a"]}, params(resamples=2000))["a"]
    assert found.low == pytest.approx(np.quantile(f1, 0.025), abs=0.01)
    assert found.high == pytest.approx(np.quantile(f1, 0.975), abs=0.01)


def test_a_system_against_itself_is_no_different() -> None:
    same = compare(ROWS, ROWS, params(resamples=500))[MEAN]
    assert (same.value, same.low, same.high, same.verdict) == (0, 0, 0, "even")
    assert same.p == 1.0


def test_a_clear_gain_is_found_and_a_tiny_one_is_not() -> None:
    better = {name: [(gold, gold, gold) for _, _, gold in rows] for name, rows in ROWS.items()}
    clear = compare(ROWS, better, params())
    assert clear["a"].b == 1.0
    assert clear["a"].low > 0
    assert clear["a"].p < 0.01
    assert clear[MEAN].verdict == "better"
    assert compare(better, ROWS, params())[MEAN].verdict == "worse"
    tiny = {**ROWS, "a": [(1, 1, 1), (1, 1, 1), *ROWS["a"][2:]]}
    little = compare(ROWS, tiny, params())["a"]
    assert little.p > 0.2
    assert little.verdict == "even"
    narrow = compare(ROWS, tiny, params(level=0.5))["a"]
    assert little.low <= narrow.low < narrow.high < little.high


def test_the_same_seed_gives_the_same_figures_and_empty_corpora_are_no_fault() -> None:
    assert interval(ROWS, params(seed=3)) == interval(ROWS, params(seed=3))
    assert interval({"a": [(0, 0, 0)]}, params())["a"].high == 0.0
