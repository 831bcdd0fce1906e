"""The figure of a study: that of its sweep, or bars by corpus. On white, so that it can stand anywhere."""

from matplotlib import rc_context
from matplotlib.figure import Figure

from gner_core.reports.figures import DRAWING, STYLE, Bars, bars_by_group, group_step, image
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
    size = (6.4, 1.2 + HEIGHT * group_step(len(view.rows)) * len(corpora))
    series = []
    for row in view.rows:
        found = [view.of_corpus(row, test, corpus) for corpus in corpora]
        reach = [
            [100 * max(one.value - one.low, 0.0) for one in found],
            [100 * max(one.high - one.value, 0.0) for one in found],
        ]
        series.append(Bars(name_of(row.labels), [100 * one.value for one in found], reach))
    with rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        axis = figure.subplots()
        bars_by_group(axis, corpora, series)
        axis.set_title(f"{test} by corpus")
        if len(view.rows) > 1:
            figure.legend(loc="outside lower center", frameon=False, fontsize=9, ncols=2)
        return figure
