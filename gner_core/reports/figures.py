"""Figures as inline SVG, so that a report is one file."""

import io
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

STYLE = {
    "svg.hashsalt": "gner",  # the same figure gives the same bytes
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
}
DRAWING = threading.Lock()
"""Hold it while drawing: matplotlib's settings are those of the whole process."""
COLOURS = ("#2563eb", "#d97706", "#059669", "#7c3aed", "#dc2626", "#0891b2", "#db2777", "#65a30d")
DOTS = 200
"""Per inch, of a PNG."""


def loss_curves(stages: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Return the loss of every stage over its weight updates, side by side.

    Points mark the validation loss where weights are chosen by it.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, max(1, len(stages)), figsize=(8.4, 2.5), squeeze=False)
        for colour, axis, (title, curve) in zip(COLOURS, axes[0], stages.items(), strict=False):
            steps = [point["step"] for point in curve]
            axis.plot(steps, [point["loss"] for point in curve], color=colour, linewidth=1.4)
            losses = [(p["step"], p["validation_loss"]) for p in curve if "validation_loss" in p]
            if losses:
                axis.plot(*zip(*losses, strict=True), "o", color="#1f2937", markersize=3)
                axis.legend(["training", "validation"], frameon=False)
            axis.set(title=title, xlabel="weight update", ylabel="loss per label token")
            axis.set_ylim(bottom=0)
        figure.tight_layout()
        return inline(image(figure, "svg", close=True))


def f1_bars(evaluations: Mapping[str, Mapping[str, float]]) -> str:
    """Return F1 (in points) per corpus, one colour an evaluation."""
    rows = [
        (f"{corpus} · {title}", 100 * f1, colour)
        for colour, (title, scores) in zip(COLOURS, evaluations.items(), strict=False)
        for corpus, f1 in scores.items()
    ][::-1]
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(8.4, 0.6 + 0.27 * len(rows)))
        names, values, colours = zip(*rows, strict=True)
        bars = axis.barh(range(len(rows)), values, color=colours, height=0.68)
        axis.bar_label(bars, fmt="%.1f", padding=3)
        axis.set(yticks=range(len(rows)), yticklabels=names, xlim=(0, 108), xlabel="F1")
        figure.tight_layout()
        return inline(image(figure, "svg", close=True))


def reliability(evaluations: Mapping[str, Mapping[str, Any]]) -> str:
    """Return, side by side, the share of right entities over their confidence, both in percent.

    Points on the diagonal are well calibrated; a point's area grows with its entities.

    Args:
        evaluations: title → the values of a `gner_core.scoring.analysis.calibration.Calibration`.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, max(3, len(evaluations)), figsize=(8.4, 2.9), squeeze=False)
        for axis in axes[0][len(evaluations) :]:
            axis.set_axis_off()
        for colour, axis, (title, values) in zip(
            COLOURS, axes[0], evaluations.items(), strict=False
        ):
            bins = [one for one in values["bins"] if one["entities"]]
            sure, right = ([100 * one[key] for one in bins] for key in ("confidence", "right"))
            largest = max((one["entities"] for one in bins), default=1)
            areas = [12 + 110 * one["entities"] / largest for one in bins]
            axis.plot([0, 100], [0, 100], color="#9ca3af", linewidth=1, linestyle="--")
            axis.plot(sure, right, color=colour, linewidth=1.2)
            axis.scatter(sure, right, s=areas, color=colour, alpha=0.75, linewidths=0)
            axis.set(title=title, xlabel="confidence", ylabel="right", xlim=(0, 104), ylim=(0, 104))
        figure.tight_layout()
        return inline(image(figure, "svg", close=True))


def image(figure: "plt.Figure", kind: Literal["png", "svg"], *, close: bool = False) -> bytes:
    """Return the file of a figure; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with plt.rc_context(STYLE):
        stamp = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(buffer, format=kind, dpi=DOTS, metadata=stamp)
    if close:
        plt.close(figure)
    return buffer.getvalue()


def inline(svg: bytes) -> str:
    """Return an SVG file as an element of an HTML page."""
    text = svg.decode()
    return text[text.index("<svg") :]
