"""Renders the page of a sweep as one HTML file without outside resources."""

from markupsafe import Markup

from gner_core.reports.paper import view
from gner_core.reports.paper.sweep import compare_sweep
from gner_core.reports.sweep_content import Cell, SweepContent
from gner_core.reports.templates import templates


def render_sweep(content: SweepContent, *, svg: bytes) -> str:
    """Return the page.

    Args:
        svg: the file of the figure; it is not escaped.
    """
    from gner_core.reports.figures import inline

    environment = templates()
    environment.filters["cell"] = shown
    environment.filters["cells"] = view.cells
    return environment.get_template("sweep.html.j2").render(
        content=content,
        paper=compare_sweep(content.figure, content.rows),
        head=view.HEAD,
        svg=Markup(inline(svg)),  # noqa: S704
    )


def shown(cell: Cell) -> str:
    """Return a figure in points: `63.5 ± 0.2` over seeds, `63.5 (61.0–65.9)` of one run."""
    text = f"{100 * cell.mean:.1f}"
    if cell.deviation is not None:
        return f"{text} ± {100 * cell.deviation:.1f}"
    if cell.interval is not None:
        return f"{text} ({100 * cell.interval[0]:.1f}–{100 * cell.interval[1]:.1f})"
    return text
