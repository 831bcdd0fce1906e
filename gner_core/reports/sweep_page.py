"""Renders the page of a sweep as one HTML file without outside resources."""

from markupsafe import Markup

from gner_core.reports.paper import view
from gner_core.reports.paper.sweep import compare_sweep
from gner_core.reports.sweep_content import COSTS, Cell, SweepContent, scale_of
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
        has_costs=any(score.split("/")[1] in COSTS for score in content.show),
        svg=Markup(inline(svg)),  # noqa: S704
    )


def shown(cell: Cell, score: str) -> str:
    """Return a figure in points: `63.5 ± 0.2` over seeds, `63.5 (61.0–65.9)` of one run.

    Costs are no shares and shown as they are, with a digit more.
    """
    scale = scale_of(score)
    digits = 1 if scale > 1 else 2
    text = f"{scale * cell.mean:.{digits}f}"
    if cell.deviation is not None:
        return f"{text} ± {scale * cell.deviation:.{digits}f}"
    if cell.interval is not None:
        return f"{text} ({scale * cell.interval[0]:.1f}–{scale * cell.interval[1]:.1f})"
    return text
