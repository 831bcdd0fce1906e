"""The content of the page of a sweep: one row for each combination of values, over all seeds."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

ERRORS = ("UE", "NE", "BE")
"""Of Table 1: their share of the gold entities."""
EDITS = ("omitted", "added", "substituted")
"""Of Table 9: words of the sentence that the text has not, and the other way round."""
COSTS = ("seconds", "calls", "tokens", "hallucinated", *EDITS)
"""Means a sentence, and no shares."""
CALIBRATION = "calibration_error"
"""The expected calibration error of the confidences."""
METRICS = {"strict_f1": "span", "own_f1": "published"}
"""Figure → the metric of a summary whose F1 it is."""
Interval = tuple[float, float]
PARTS = ("", " std", " low", " high", " difference", " difference low", " difference high")
"""Behind the name of a figure: the columns of a CSV file."""
LOWER = (*ERRORS, *COSTS, CALIBRATION)
"""Figures of which less is better; figures draw the others alone."""
TITLES = {
    "f1": "F1",
    "strict_f1": "strict F1",
    "own_f1": "own F1",
    "UE": "missed (UE), %",
    "NE": "wrong type (NE), %",
    "BE": "wrong boundary (BE), %",
    "calibration_error": "calibration error, %",
}
"""Figure → its name in headings, where it is not the same."""


@dataclass(frozen=True, slots=True)
class PointView:
    """A point of a sweep that has run."""

    name: str
    """Name of its experiment, and of its report."""
    labels: Mapping[str, str]
    """Axis → label of its value."""
    parameters: int
    """Of the backbone."""
    series: str
    """Its line in the figure."""
    x: float | None
    """Position on that line; None is right of all numbers (full context)."""
    x_label: str
    place: Mapping[str, Any]
    """Backbone, beams, target, matching and tested samples: by them it is found in the paper's tables."""
    scores: Mapping[str, Mapping[str, Any]]
    """Title of an evaluation → its summary."""
    costs: Mapping[str, Mapping[str, float]]
    """Title of an evaluation → seconds, calls and tokens a sentence, as far as they are known."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A row minus the first row: a share, as in `Cell`."""

    value: float
    low: float | None
    high: float | None
    """Bootstrap interval, of the same sentences drawn for both rows; None where it is not drawn."""

    @property
    def certain(self) -> bool:
        """Whether the interval holds no 0."""
        return self.low is not None and self.high is not None and self.low * self.high > 0


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure of a row: a share, not points; of `COSTS` as they are."""

    mean: float
    deviation: float | None
    """Standard deviation (n - 1) over seeds; None for a single run."""
    interval: Interval | None
    """Bootstrap interval of a single run; None over seeds."""
    runs: int
    difference: Difference | None = None
    """To the first row; None in the first row, and where it is not known."""

    @property
    def error(self) -> Interval | None:
        """Length of the error bar below and above the mean."""
        if self.deviation is not None:
            return self.deviation, self.deviation
        if self.interval is not None:
            low, high = self.interval
            return max(self.mean - low, 0.0), max(high - self.mean, 0.0)
        return None


@dataclass(frozen=True, slots=True)
class Row:
    """Points that differ in nothing but the seed."""

    labels: Mapping[str, str]
    """Axis → label, without the seeds."""
    names: Sequence[str]
    """Names of the experiments."""
    seeds: Sequence[str]
    """The seed of each; an empty text where the sweep has none."""
    parameters: int
    series: str
    x: float | None
    x_label: str
    place: Mapping[str, Any]
    cells: Mapping[str, Cell]
    """Score → figure; scores that the points lack are left out."""
    corpora: Mapping[str, Mapping[str, float]]
    """Title of an evaluation → corpus → mean F1."""
    sentences: Mapping[str, int]
    """Title of an evaluation → tested sentences."""


@dataclass(frozen=True, slots=True)
class SweepContent:
    """The whole page of a sweep."""

    name: str
    figure: str
    show: Sequence[str]
    axes: Sequence[str]
    """Without the seeds."""
    seeds: str | None
    rows: Sequence[Row]
    missing: Sequence[str]
    """Labels of points that failed."""

    def best(self, score: str) -> float | None:
        """Return the best mean of a figure; None where no row differs from another."""
        means = {row.cells[score].mean for row in self.rows if score in row.cells}
        if len(means) < 2:
            return None
        return min(means) if score.split("/")[1] in LOWER else max(means)

    @property
    def unclear(self) -> bool:
        """Whether intervals of differences to the first row are known, and all hold 0."""
        found = [one.difference for row in self.rows for one in row.cells.values()]
        known = [one for one in found if one is not None and one.low is not None]
        return bool(known) and not any(one.certain for one in known)


def rows_of(points: Sequence[PointView], *, show: Sequence[str], seeds: str | None) -> list[Row]:
    """Return the rows in the order of their first points."""
    groups: dict[tuple[str, ...], list[PointView]] = {}
    for point in points:
        key = tuple(label for axis, label in point.labels.items() if axis != seeds)
        groups.setdefault(key, []).append(point)
    return [_row(group, show, seeds) for group in groups.values()]


def _row(group: Sequence[PointView], show: Sequence[str], seeds: str | None) -> Row:
    first = group[0]
    cells = {}
    for score in show:
        evaluation, measure = score.split("/")
        found = [_measured(point, evaluation, measure) for point in group]
        known = [one for one in found if one is not None]
        if known:
            cells[score] = _cell(known, over_seeds=seeds is not None)
    titles = dict.fromkeys(score.split("/")[0] for score in show)
    return Row(
        labels={axis: label for axis, label in first.labels.items() if axis != seeds},
        names=[point.name for point in group],
        seeds=[point.labels[seeds] if seeds else "" for point in group],
        parameters=first.parameters,
        series=first.series,
        x=first.x,
        x_label=first.x_label,
        place=first.place,
        cells=cells,
        corpora={title: _corpora([point.scores[title] for point in group]) for title in titles},
        sentences={
            title: sum(one["sentences"] for one in first.scores[title]["corpora"].values())
            for title in titles
        },
    )


def _cell(found: Sequence[tuple[float, Interval | None]], *, over_seeds: bool) -> Cell:
    values = [value for value, _ in found]
    if over_seeds:
        deviation = stdev(values) if len(values) > 1 else None
        return Cell(fmean(values), deviation, None, len(values))
    return Cell(values[0], None, found[0][1], 1)


def _measured(
    point: PointView, evaluation: str, measure: str
) -> tuple[float, Interval | None] | None:
    """Return a figure of an evaluation and its interval; None where it has no such figure."""
    summary = point.scores[evaluation]
    if measure in METRICS:
        metric = METRICS[measure]
        return _mean(summary[metric], "f1") if metric in summary else None
    if measure in COSTS:
        value = _a_sentence(point, evaluation, measure)
    elif measure in (*ERRORS, CALIBRATION):
        value = _share(summary, measure)
    else:
        return _mean(summary, measure)
    return None if value is None else (value, None)


def _a_sentence(point: PointView, evaluation: str, measure: str) -> float | None:
    """Return a mean over sentences."""
    summary = point.scores[evaluation]
    if measure == "hallucinated":
        counts = summary["answers"]["all"] if "answers" in summary else None
        return counts[measure] / max(counts["sentences"], 1) if counts else None
    if measure in EDITS:
        words = summary.get("words")  # systems beside gner copy no words
        tested = sum(one["sentences"] for one in summary["corpora"].values())
        return words[measure] / max(tested, 1) if words else None
    return point.costs[evaluation].get(measure)


def _share(summary: Mapping[str, Any], measure: str) -> float | None:
    """Return the share of a class of errors, or the error of the confidences."""
    if measure == CALIBRATION:
        known = summary.get("calibration")
        return known["all"]["error"] if known else None
    if "errors" not in summary:
        return None  # matching mode text has no error classes
    counts = summary["errors"]["all"]["counts"]
    return float(counts.get(measure, 0) / max(counts.get("gold", 0), 1))


def _mean(summary: Mapping[str, Any], ratio: str) -> tuple[float, Interval | None]:
    macro = summary["macro"]
    interval = macro.get("interval") if ratio == "f1" else None
    return macro[ratio], (interval[0], interval[1]) if interval else None


def _corpora(summaries: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {
        name: fmean(summary["corpora"][name]["f1"] for summary in summaries)
        for name in summaries[0]["corpora"]
    }


def measure_title(measure: str) -> str:
    """Return the name of a figure in headings and legends.

    Example:
        >>> measure_title("strict_f1")
        'strict F1'
    """
    return TITLES.get(measure, measure.replace("_", " "))


def scale_of(score: str) -> int:
    """Return by what a figure is multiplied to be shown: shares are shown in points."""
    return 1 if score.split("/")[1] in COSTS else 100


def values_of(cell: Cell | None, score: str) -> tuple[float | None, ...]:
    """Return what `PARTS` names of a figure, scaled as it is shown; None for what is not known."""
    if cell is None:
        return (None,) * len(PARTS)
    low, high = cell.interval or (None, None)
    gain = cell.difference
    change = (gain.value, gain.low, gain.high) if gain else (None, None, None)
    scale = scale_of(score)
    found = (cell.mean, cell.deviation, low, high, *change)
    return tuple(None if one is None else round(scale * one, 4) for one in found)


def as_csv(content: SweepContent) -> str:
    """Return the table as CSV: figures in points, costs as they are.

    Each has its deviation, its interval, and its difference to the first row with the interval of
    that.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    columns = [f"{score}{part}" for score in content.show for part in PARTS]
    writer.writerow([*content.axes, "parameters", "runs", *columns])
    for row in content.rows:
        figures = [one for score in content.show for one in values_of(row.cells.get(score), score)]
        cells = ["" if one is None else f"{one:.4f}" for one in figures]
        labels = [row.labels[axis] for axis in content.axes]
        writer.writerow([*labels, row.parameters, len(row.names), *cells])
    return buffer.getvalue()
