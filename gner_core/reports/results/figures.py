"""The figure of a study: that of its sweep, or bars by corpus. On white, so that it can stand anywhere."""

from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from gner_core.reports.figures import COLOURS, DRAWING, INK, STYLE, image
from gner_core.reports.results.content import StudyView, name_of
from gner_core.reports.sweep.figures import drawn_scores, sweep_figure

TEXTS = {"svg.fonttype": "none", "font.sans-serif": ["DejaVu Sans"]}
"""Texts instead of their outlines: a third of the bytes."""
HEIGHT = 0.26
"""Of a bar, in inches."""


def figure_of(view: StudyView) -> bytes | None:
    """Return the SVG of a study; None where it has no figure, or nothing to draw."""
    if view.shown.figure == "none" or not view.rows:
        return None
    with DRAWING, rc_context(TEXTS):
        if view.shown.figure == "corpora":
            return image(_by_corpus(view), "svg")
        return image(sweep_figure(view.sweep), "svg") if drawn_scores(view.sweep) else None


def _by_corpus(view: StudyView) -> Figure:
    """Return a bar for each corpus and row, with its interval."""
    test = view.shown.by_corpus[0]
    corpora = list(view.rows[0].corpora[test])[::-1]
    step = len(view.rows) + 0.7
    size = (6.4, 1.2 + HEIGHT * step * len(corpora))
    whiskers: dict[str, Any] = {
        "color": INK,
        "ecolor": INK,
        "elinewidth": 1,
        "capsize": 2,
        "alpha": 0.6,
    }
    with rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        axis = figure.subplots()
        for number, row in enumerate(view.rows):
            found = [view.of_corpus(row, test, corpus) for corpus in corpora]
            values = [100 * one.value for one in found]
            reach = [
                [100 * max(one.value - one.low, 0.0) for one in found],
                [100 * max(one.high - one.value, 0.0) for one in found],
            ]
            heights = [place * step - number for place in range(len(corpora))]
            colour = COLOURS[number % len(COLOURS)]
            style: dict[str, Any] = {"height": 0.86, "color": colour, "error_kw": whiskers}
            axis.barh(heights, values, xerr=reach, label=name_of(row.labels), **style)
            for height, value in zip(heights, values, strict=True):
                transform: dict[str, Any] = {
                    "transform": axis.get_yaxis_transform(),
                    "va": "center",
                    "ha": "right",
                }
                axis.text(1.1, height, f"{value:.1f}", fontsize=8, **transform)
        middle = (len(view.rows) - 1) / 2
        axis.set_yticks([place * step - middle for place in range(len(corpora))], corpora)
        axis.set(xlabel="F1", xlim=(0, 100), title=f"{test} by corpus")
        axis.grid(visible=False, axis="y")
        if len(view.rows) > 1:
            figure.legend(loc="outside lower center", frameon=False, fontsize=9, ncols=2)
        return figure
