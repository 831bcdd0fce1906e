"""The figures of a report: one panel a stage or test, so that they stand below one another on a phone."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from gner_core.reports.figures import COLOURS, INK, SOFT, STYLE, inline
from gner_core.scoring.analysis.thresholds import ThresholdPoint, best_of

WIDTH = 4.6
"""Inches of a panel."""
LEAST = 20
"""Entities of a dot that a line leads through, at least."""


def loss_panels(stages: Mapping[str, Sequence[Mapping[str, float]]]) -> list[Markup]:
    """Return of every stage its loss over the weight updates, and below it the learning rate.

    Points mark the validation loss where weights are chosen by it.
    """
    panels = []
    for number, (title, curve) in enumerate(stages.items()):
        rates = [(p["step"], p["learning_rate"]) for p in curve if "learning_rate" in p]
        with rc_context(STYLE):
            figure = Figure(figsize=(WIDTH, 3.5 if rates else 2.7), layout="constrained")
            axes = figure.subplots(
                *(2 if rates else 1, 1),
                height_ratios=(3, 1) if rates else None,
                sharex=True,
                squeeze=False,
            )
            colour = COLOURS[number % len(COLOURS)]
            _losses(axes[0][0], title, curve, colour)
            if rates:
                axes[1][0].plot(*zip(*rates, strict=True), color=colour, linewidth=1.4)
                axes[1][0].set(ylabel="learning\nrate", ylim=(0, None))
                axes[1][0].ticklabel_format(axis="y", scilimits=(0, 0))
                axes[1][0].yaxis.set_major_locator(MaxNLocator(2))
            last = axes[-1][0]
            last.set_xlabel("weight update")
            last.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            figure.align_ylabels()
            panels.append(inline(figure, f"loss and learning rate of {title}"))
    return panels


def _losses(axis: Axes, title: str, curve: Sequence[Mapping[str, float]], colour: str) -> None:
    losses = [(p["step"], p["loss"]) for p in curve if "loss" in p]
    marker = "." if len(losses) == 1 else ""
    axis.plot(*zip(*losses, strict=True), color=colour, linewidth=1.4, marker=marker)
    validated = [(p["step"], p["validation_loss"]) for p in curve if "validation_loss" in p]
    if validated:
        axis.plot(*zip(*validated, strict=True), "o--", color=INK, markersize=4, linewidth=0.8)
        axis.legend(["training", "validation"], frameon=False)
    axis.set(title=title, ylabel="loss per label token", ylim=(0, None))
    axis.yaxis.set_major_locator(MaxNLocator(5))


def f1_panels(tests: Mapping[str, Mapping[str, Any]]) -> list[Markup]:
    """Return of every test F1 (in points) by corpus and their mean, with the intervals of the table.

    Args:
        tests: title → summary of scores.
    """
    panels = []
    for number, (title, summary) in enumerate(tests.items()):
        rows = [*summary["corpora"].items(), ("mean", summary["macro"])][::-1]
        values = [100 * one["f1"] for _, one in rows]
        reach = [
            [
                abs(100 * one["interval"][side] - value)
                for (_, one), value in zip(rows, values, strict=True)
            ]
            for side in (0, 1)
        ]
        colour = COLOURS[number % len(COLOURS)]
        with rc_context(STYLE):
            size = WIDTH, 0.95 + 0.27 * len(rows)
            figure = Figure(figsize=size, layout="constrained")
            axis = figure.subplots()
            bars = axis.barh(range(len(rows)), values, height=0.68, color=colour, alpha=0.75)
            bars[0].set_alpha(1)
            known = [at for at, ends in enumerate(zip(*reach, strict=True)) if any(ends)]
            style: dict[str, Any] = {"fmt": "none", "color": INK, "elinewidth": 1, "capsize": 2.5}
            ends = [[side[at] for at in known] for side in reach]
            axis.errorbar([values[at] for at in known], known, xerr=ends, **style)
            beside = axis.get_yaxis_transform()
            for at, value in enumerate(values):
                style = {
                    "va": "center",
                    "ha": "right",
                    "fontsize": 9,
                    "transform": beside,
                }
                axis.text(1.12, at, f"{value:.1f}", **style)
            axis.set(title=title, xlabel="F1", xlim=(0, 100), xticks=range(0, 101, 20))
            axis.set(yticks=range(len(rows)), yticklabels=[name for name, _ in rows])
            axis.get_yticklabels()[0].set_fontweight("bold")
            axis.grid(visible=False, axis="y")
            panels.append(inline(figure, f"F1 of {title}"))
    return panels


def reliability_panels(tests: Mapping[str, Mapping[str, Any]]) -> list[Markup]:
    """Return of every test the share of right entities over their confidence, both in percent.

    Points on the diagonal are well calibrated; a point's area grows with its entities.

    Args:
        tests: title → the values of a `gner_core.scoring.analysis.calibration.Calibration`.
    """
    panels = []
    for number, (title, values) in enumerate(tests.items()):
        bins = [one for one in values["bins"] if one["entities"]]
        sure, right = ([100 * one[key] for one in bins] for key in ("confidence", "right"))
        largest = max((one["entities"] for one in bins), default=1)
        areas = [12 + 110 * one["entities"] / largest for one in bins]
        colour = COLOURS[number % len(COLOURS)]
        with rc_context(STYLE):
            figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
            axis = figure.subplots()
            axis.plot([0, 100], [0, 100], color=SOFT, linewidth=1, linestyle="--")
            many = [at for at, one in enumerate(bins) if one["entities"] >= LEAST]
            line = [[side[at] for at in many] for side in (sure, right)]
            axis.plot(*line, color=colour, linewidth=1.2)
            axis.scatter(sure, right, s=areas, color=colour, alpha=0.75, linewidths=0)
            _percent(axis, title, "confidence, %", "right, %")
            panels.append(inline(figure, f"confidence of {title} against what is right"))
    return panels


def threshold_panels(curves: Mapping[str, Sequence[ThresholdPoint]]) -> list[Markup]:
    """Return of every test precision, recall and F1 over the threshold of confidence."""
    panels = []
    for title, curve in curves.items():
        with rc_context(STYLE):
            figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
            axis = figure.subplots()
            for name, colour, line in (
                ("precision", COLOURS[0], "-"),
                ("recall", COLOURS[1], "--"),
                ("F1", COLOURS[2], "-."),
            ):
                known = [one for one in curve if one.counts.predicted or name != "precision"]
                xs = [100 * one.threshold for one in known]
                ys = [100 * getattr(one.counts, name.lower()) for one in known]
                axis.plot(xs, ys, line, color=colour, linewidth=1.6, label=name)
            best = best_of(curve)
            at = 100 * best.threshold, 100 * best.counts.f1
            axis.plot(*at, "o", color=COLOURS[2], markersize=6, label="highest F1")
            right = at[0] < 60
            axis.annotate(
                f"{at[1]:.1f} at {at[0]:.0f} %",
                at,
                xytext=(6 if right else -6, 6),
                textcoords="offset points",
                ha="left" if right else "right",
                fontsize=9,
                path_effects=[withStroke(linewidth=2.5, foreground="white")],
            )
            _percent(axis, title, "threshold of confidence, %", "points")
            figure.legend(frameon=False, ncols=4, fontsize=9, loc="outside lower center")
            panels.append(inline(figure, f"precision and recall of {title} over the threshold"))
    return panels


def _percent(axis: Axes, title: str, below: str, left: str) -> None:
    ticks = range(0, 101, 20)
    axis.set(title=title, xlabel=below, ylabel=left, xticks=ticks, yticks=ticks)
    axis.set(xlim=(-4, 104), ylim=(-4, 104))
