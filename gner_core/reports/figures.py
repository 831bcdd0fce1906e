"""What all figures share: their style, their files, and how they stand in a page.

They are drawn without pyplot, which would keep every figure.

In a page, text takes the colour of the page and lines take its variables, so that a figure is as
light or dark as what is around it.
"""

import io
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

with suppress(ImportError):
    # matplotlib looks for IPython, and fails where another thread, such as MLflow's, is importing it.
    import IPython  # noqa: F401

INK, SOFT = "#1f2937", "#9ca3af"
STYLE = {
    "svg.hashsalt": "gner",  # the same figure gives the same bytes
    "text.parse_math": False,  # a $ in a name is a dollar
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "grid.color": SOFT,
    "grid.alpha": 0.3,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK
    ),
}
DRAWING = threading.Lock()
"""Hold it while drawing: matplotlib's settings are those of the whole process."""
COLOURS = ("#2563eb", "#d97706", "#059669", "#7c3aed", "#dc2626", "#0891b2", "#db2777", "#65a30d")
DOTS = 200
"""Per inch, of a PNG."""
IN_PAGES = {
    "fill: #ffffff": "fill: none",
    "stroke: #ffffff": "stroke: var(--card)",
    INK: "currentColor",
    SOFT: "var(--soft)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(COLOURS)},
}
"""Colours of a file → what stands for them in a page; style.css.j2 has the variables."""


class Bars(NamedTuple):
    """Bars of one colour, one for each group: shares of 100."""

    label: str
    values: Sequence[float]
    reach: Sequence[Sequence[float]]
    """Length of each whisker below and above; zeros where no interval is known."""


def bars_by_group(axis: Axes, groups: Sequence[str], series: Sequence[Bars]) -> None:
    """Draw horizontal bars, side by side within each group, with whiskers and numbers.

    Args:
        groups: names of the groups, from the lowest up.
    """
    step = group_step(len(series))
    whiskers = {"color": INK, "ecolor": INK, "elinewidth": 1, "capsize": 2, "alpha": 0.6}
    at_the_edge = axis.get_yaxis_transform()
    for number, (label, values, reach) in enumerate(series):
        heights = [place * step - number for place in range(len(groups))]
        colour = COLOURS[number % len(COLOURS)]
        known = reach if any(map(any, reach)) else None
        axis.barh(
            *(heights, values, 0.86), xerr=known, color=colour, error_kw=whiskers, label=label
        )
        for height, value in zip(heights, values, strict=True):
            number_at = {"transform": at_the_edge, "va": "center", "ha": "right", "fontsize": 8}
            axis.text(1.1, height, f"{value:.1f}", number_at)
    middle = (len(series) - 1) / 2
    axis.set_yticks([place * step - middle for place in range(len(groups))], groups)
    axis.set(xlabel="F1", xlim=(0, 100))
    axis.grid(visible=False, axis="y")


def group_step(series: int) -> float:
    """Return the height of a group of bars, and of the room above it, in bars."""
    return series + 0.7


def image(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    """Return the file of a figure; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with rc_context(STYLE):
        stamp = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(buffer, format=kind, dpi=DOTS, metadata=stamp)
    return buffer.getvalue()


def inline(figure: Figure, title: str) -> Markup:
    """Return a figure as an element of an HTML page; `title` is read out."""
    svg = image(figure, "svg").decode()
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg[svg.index("<svg") :])  # ids of a page are unique
    for colour, variable in IN_PAGES.items():
        svg = svg.replace(colour, variable)
    label = Markup('<svg role="img" aria-label="{}"').format(title)
    return Markup(svg.replace("<svg", str(label), 1))  # noqa: S704 (made here; texts are escaped)
