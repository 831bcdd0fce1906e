"""The difference of every row of a sweep to another, with its interval where sentences are paired."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from gner_core.config.scoring import BootstrapParams
from gner_core.reports.sweep.content import ERRORS, METRICS, Difference, Row
from gner_core.scoring.analysis.draws import Interval, Rows
from gner_core.scoring.analysis.errors import entity_errors
from gner_core.scoring.analysis.runs import Runs, difference_of_means, mean_of_runs
from gner_core.scoring.metrics.tally import tally
from gner_core.scoring.scored import Scored
from gner_core.store.fingerprint import fingerprint

PAIRED = {"f1": "pair", **METRICS, **{name: name for name in ERRORS}}
"""Figure → what is counted for it in each sentence: a metric, or a class of errors."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A scored test: which sentences it has, and what is right in them, by corpus."""

    sentences: str
    """The hash of corpus and identifier of all, in their order."""
    counts: Mapping[str, Rows]
    """What is counted → the counts of each sentence; of a class of errors (errors, gold, gold)."""


def counted(scored: Sequence[Scored], figures: Collection[str]) -> Counted:
    """Count the sentences of a test, ordered so that those of two runs are paired.

    Args:
        figures: what `PAIRED` counts for some of them.
    """
    ordered = sorted(scored, key=lambda one: (one.corpus, one.id))
    wanted = dict.fromkeys(PAIRED[figure] for figure in figures if figure in PAIRED)
    return Counted(
        fingerprint([[one.corpus, one.id] for one in ordered]),
        {
            one: _errors(ordered, one)
            if one in ERRORS
            else tally(ordered, one, without=()).sentences
            for one in wanted
        },
    )


def _errors(scored: Sequence[Scored], kind: str) -> Rows:
    """Return the gold entities of a class of errors, as right ones of so many gold and predicted."""
    rows: dict[str, list[tuple[int, int, int]]] = {}
    for one in scored:
        found = entity_errors(one.gold, one.predicted).counts
        rows.setdefault(one.corpus, []).append((found[kind], found["gold"], found["gold"]))
    return rows


def mean_with_interval(side: Runs, figure: str, params: BootstrapParams) -> Interval:
    """Return a figure of `PAIRED` over several runs."""
    return mean_of_runs(side, params, pooled=figure in ERRORS)


def difference_of(a: Runs, b: Runs, figure: str, params: BootstrapParams) -> Difference:
    """Return by how much a figure of `PAIRED` is higher in the runs `b` than in the runs `a`."""
    found = difference_of_means(a, b, params, pooled=figure in ERRORS)
    return Difference(found.value, found.low, found.high)


def with_differences(
    rows: Sequence[Row],
    show: Sequence[str],
    runs: Mapping[tuple[str, str], Counted],
    params: BootstrapParams,
    *,
    to: int = 0,
) -> list[Row]:
    """Return rows whose figures have their difference to those of one of them.

    Args:
        rows: of a sweep, in their order.
        show: the figures, as `TEST/FIGURE`.
        runs: name of an experiment, and test → its sentences.
        params: how intervals are drawn.
        to: the place of the row with which the others are compared.
    """
    first = rows[to]

    def difference(row: Row, score: str) -> Difference:
        test, figure = score.split("/")
        plain = Difference(row.cells[score].mean - first.cells[score].mean, None, None)
        if figure not in PAIRED or not same_sentences([first, row], test, runs):
            return plain
        before, after = (runs_of([one], score, runs) for one in (first, row))
        return difference_of(before, after, figure, params)

    def shown(row: Row) -> Row:
        if row is first:
            return row
        both = [score for score in show if score in row.cells and score in first.cells]
        cells = {s: replace(row.cells[s], difference=difference(row, s)) for s in both}
        return replace(row, cells={**row.cells, **cells})

    return [*map(shown, rows)]


def same_sentences(rows: Sequence[Row], test: str, runs: Mapping[tuple[str, str], Counted]) -> bool:
    """Say whether all experiments of some rows have the same sentences in a test: others cannot be paired."""
    return len({runs[name, test].sentences for row in rows for name in row.names}) == 1


def runs_of(rows: Sequence[Row], score: str, runs: Mapping[tuple[str, str], Counted]) -> Runs:
    """Return the counts of a figure of `PAIRED` in all experiments of some rows, by seed."""
    test, figure = score.split("/")
    found: dict[str, list[Rows]] = {}
    for row in rows:
        for name, seed in zip(row.names, row.seeds, strict=True):
            found.setdefault(seed, []).append(runs[name, test].counts[PAIRED[figure]])
    return found


def figures_of(test: str, show: Sequence[str]) -> list[str]:
    """Return the figures of a test."""
    return [score.split("/")[1] for score in show if score.split("/")[0] == test]
