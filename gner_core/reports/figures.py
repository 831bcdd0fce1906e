"""What all figures share: their style, their files, and how they stand in a page.

They are drawn without pyplot, which would keep every figure.

In a page, text takes the colour of the page and lines take its variables, so that a figure is as
light or dark as what is around it.
"""

import io
import re
import threading
from contextlib import suppress
from typing import Literal

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

with suppress(ImportError):
    # matplotlib looks for IPython, and fails where another thread, such as MLflow's, is importing it.
    import IPython  # noqa: F401

INK, SOFT = "#1f2937", "#9ca3af"
STYLE = {
    "svg.hashsalt": "gner",  # the same figure gives the same bytes
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
