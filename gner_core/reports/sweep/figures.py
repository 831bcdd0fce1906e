"""Figures of sweeps: F1 against parameters (Fig. 7), beam size (Table 7), context (Fig. 4), or bars.

Error bars are standard deviations over seeds, else bootstrap intervals of the single runs.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from gner_core.reports.figures import COLOURS, STYLE, Bars, bars_by_group, group_step
from gner_core.reports.sweep.content import LOWER, SweepContent, measure_title

MARKERS = "osD^vP*X"
X_TITLES = {
    "parameters": "parameters",
    "beams": "beam size",
    "context": "words of context around an entity",
}
WITHOUT_X = ("table", "systems")
"""Figures with a bar for each row and score."""
LEAST_SPAN = 4.0
"""Points of F1 that the y-axis shows at least."""
FEW = 14
"""Up to so many values are written next to their points."""
INSIDE = 4
"""Up to so many lines have their legend inside."""
SHIFT = 0.012
"""Distance between the points of two lines at one x, as a share of the width of the x-axis."""


def sweep_figure(content: SweepContent) -> Figure:
    """Return the figure of a sweep."""
    panels = panels_of(content)
    series = list(dict.fromkeys(row.series for row in content.rows))
    with rc_context(STYLE):
        if content.figure in WITHOUT_X:
            return _bars(content, panels[0])
        width = 5.4 * len(panels) + 0.6 if len(panels) > 1 else 5.2
        figure = Figure(figsize=(width, 3.6), layout="constrained")
        axes = figure.subplots(1, len(panels), squeeze=False)
        for axis, shown in zip(axes[0], panels, strict=True):
            lines = [(score, one) for score in shown for one in series]
            for number, (score, one) in enumerate(lines):
                _line(axis, content, score, one, number, shifted=number - (len(lines) - 1) / 2)
            title = _score_label(shown[0]) if len(panels) > 1 else content.name
            axis.set(title=title, ylabel="F1")
            if 1 < len(lines) <= INSIDE:
                below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.17), "ncols": 2}
                axis.legend(frameon=False, fontsize=9, **below)
            _x_axis(axis, content)
            _y_axis(axis, content, shown)
        if len(lines) > INSIDE:
            handles, labels = axes[0][0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=9)
        return figure


def drawn_scores(content: SweepContent) -> list[str]:
    """Return the scores that are drawn: errors and costs stand in the table alone."""
    return [s for s in content.show if s.split("/")[1] not in LOWER]


def panels_of(content: SweepContent) -> list[list[str]]:
    """Return the scores of each panel of the figure: several lines each have a panel a score."""
    scores = drawn_scores(content)
    several = len({row.series for row in content.rows}) > 1 and content.figure not in WITHOUT_X
    return [[score] for score in scores] if several else [scores]


def _score_label(score: str) -> str:
    title, measure = score.split("/")
    return title if measure == "f1" else f"{title}, {measure_title(measure)}"


def _line(
    axis: Axes, content: SweepContent, score: str, series: str, number: int, *, shifted: float
) -> None:
    """Draw one line, shifted by so many `SHIFT`s, so that error bars do not cover others."""
    rows = [row for row in content.rows if row.series == series and score in row.cells]
    if not rows:
        return
    positions = _positions(content)
    rows.sort(key=lambda row: positions[row.x])
    width = max(positions.values()) - min(positions.values())
    shift = 0.0 if content.figure == "parameters" else shifted * SHIFT * width
    xs = [positions[row.x] + shift for row in rows]
    ys = [100 * row.cells[score].mean for row in rows]
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    label = series or _score_label(score)
    style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 5, "linewidth": 1.6}
    axis.plot(xs, ys, label=label, clip_on=False, **style)
    below, above = zip(*(row.cells[score].error or (0.0, 0.0) for row in rows), strict=True)
    if any(below) or any(above):
        bars = [[100 * one for one in below], [100 * one for one in above]]
        style = {
            "fmt": "none",
            "color": colour,
            "alpha": 0.55,
            "capsize": 3,
            "elinewidth": 1.1,
        }
        axis.errorbar(xs, ys, yerr=bars, **style)
    series_shown = len({row.series for row in content.rows})
    if series_shown <= 2 and len(content.rows) * len(content.show) <= FEW:
        halo = [withStroke(linewidth=2.5, foreground="white")]
        style = {
            "textcoords": "offset points",
            "fontsize": 8,
            "color": colour,
            "zorder": 5,
        }
        for x, y in zip(xs, ys, strict=True):
            axis.annotate(f"{y:.1f}", (x, y), xytext=(5, 5), path_effects=halo, **style)


def _positions(content: SweepContent) -> dict[float | None, float]:
    """Return the position of each x: parameters and beams as numbers, contexts as ranks."""
    found = {row.x for row in content.rows}
    numbers = sorted(x for x in found if x is not None)
    if content.figure != "context":
        return {x: x for x in numbers}
    ordered = [*numbers, None] if None in found else numbers
    return {x: float(rank) for rank, x in enumerate(ordered)}


def _x_axis(axis: Axes, content: SweepContent) -> None:
    positions = _positions(content)
    labels = {positions[row.x]: row.x_label for row in content.rows}
    axis.set_xlabel(X_TITLES[content.figure])
    if content.figure == "parameters":
        axis.set_xscale("log")
        axis.set_xticks([], minor=True)
        low, high = min(labels), max(labels)
        axis.set_xlim(low / 1.6, high * 1.9)
    else:
        span = max(max(labels) - min(labels), 1.0)
        axis.set_xlim(min(labels) - 0.08 * span, max(labels) + 0.13 * span)
    axis.set_xticks(list(labels), list(labels.values()))


def _y_axis(axis: Axes, content: SweepContent, scores: Sequence[str]) -> None:
    low, high = 100.0, 0.0
    for row in content.rows:
        for cell in (row.cells[score] for score in scores if score in row.cells):
            below, above = cell.error or (0.0, 0.0)
            low = min(low, 100 * (cell.mean - below))
            high = max(high, 100 * (cell.mean + above))
    room = max(0.12 * (high - low), (LEAST_SPAN - (high - low)) / 2)
    axis.set_ylim(max(low - room, 0.0), min(high + room, 103.0))


def _bars(content: SweepContent, scores: Sequence[str]) -> Figure:
    """Return a bar for each row and score: what has no x."""
    rows = list(content.rows)[::-1]
    height = 1.2 + 0.24 * group_step(len(scores)) * len(rows)
    figure = Figure(figsize=(5.6, height), layout="constrained")
    axis = figure.subplots()
    tests, measures = ({*part} for part in zip(*(s.split("/") for s in scores), strict=True))
    series = []
    for score in scores:
        label = measure_title(score.split("/")[1]) if len(tests) == 1 else _score_label(score)
        cells = [row.cells.get(score) for row in rows]
        values = [100 * cell.mean if cell else 0.0 for cell in cells]
        errors = [(cell and cell.error) or (0.0, 0.0) for cell in cells]
        reach = [[100 * one[side] for one in errors] for side in (0, 1)]
        series.append(Bars(label, values, reach))
    bars_by_group(axis, [" · ".join(row.labels.values()) for row in rows], series)
    axis.set_title(content.name, loc="left")
    if measures != {"f1"}:
        axis.set_xlabel("points")
    if len(scores) > 1:
        figure.legend(loc="outside lower center", frameon=False, fontsize=9, ncols=len(scores))
    return figure
