"""The difference of every row of a sweep to the first, with its interval where sentences are paired."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gner_core.config.scoring import BootstrapParams
from gner_core.reports.sweep.content import METRICS, Difference, Row
from gner_core.scoring.analysis.significance import Rows, difference_of_means
from gner_core.scoring.metrics.tally import tally
from gner_core.scoring.scored import Scored

PAIRED = {"f1": "pair", **METRICS}
"""Figure → the metric whose F1 it is: these are drawn for both rows."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A scored test: which sentences it has, and what is right in them, by corpus."""

    sentences: tuple[tuple[str, str], ...]
    """Corpus and identifier of each."""
    counts: Mapping[str, Rows]
    """Metric → counts of each sentence, in the same order."""


def counted(scored: Sequence[Scored], metrics: Sequence[str]) -> Counted:
    """Count the sentences of a test, ordered so that those of two runs are paired."""
    ordered = sorted(scored, key=lambda one: (one.corpus, one.id))
    return Counted(
        tuple((one.corpus, one.id) for one in ordered),
        {metric: tally(ordered, metric, without=()).sentences for metric in metrics},
    )


def with_differences(
    rows: Sequence[Row],
    show: Sequence[str],
    runs: Mapping[tuple[str, str], Counted],
    params: BootstrapParams,
) -> list[Row]:
    """Return rows whose figures have their difference to those of the first row.

    Args:
        rows: of a sweep, in their order.
        show: the figures, as `TEST/FIGURE`.
        runs: name of an experiment, and test → its sentences.
        params: how intervals are drawn.
    """
    first = rows[0]

    def difference(row: Row, score: str) -> Difference:
        test, figure = score.split("/")
        plain = Difference(row.cells[score].mean - first.cells[score].mean, None, None)
        if figure not in PAIRED:
            return plain
        sides = [[runs[name, test] for name in one.names] for one in (first, row)]
        if len({run.sentences for side in sides for run in side}) > 1:
            return plain  # other sentences cannot be paired
        before, after = ([run.counts[PAIRED[figure]] for run in side] for side in sides)
        found = difference_of_means(before, after, params)
        return Difference(found.value, found.low, found.high)

    def shown(row: Row) -> Row:
        both = [score for score in show if score in row.cells and score in first.cells]
        cells = {s: replace(row.cells[s], difference=difference(row, s)) for s in both}
        return replace(row, cells={**row.cells, **cells})

    return [first, *map(shown, rows[1:])]


def metrics_of(test: str, show: Sequence[str]) -> list[str]:
    """Return the metrics that the figures of a test need."""
    figures = [score.split("/")[1] for score in show if score.split("/")[0] == test]
    return [PAIRED[figure] for figure in figures if figure in PAIRED]
