"""Renders the page of a sweep as one HTML file without outside resources."""

from dataclasses import replace

from markupsafe import Markup

from gner_core.reports.paper import view
from gner_core.reports.paper.sweep import SweepComparison, compare_sweep
from gner_core.reports.sweep.content import (
    COSTS,
    LOWER,
    PARTS,
    Cell,
    Difference,
    Row,
    SweepContent,
    scale_of,
    values_of,
)
from gner_core.reports.tables import Cell as Shown
from gner_core.reports.tables import Column, Table, nothing, number, share, text
from gner_core.reports.tables import Row as ShownRow
from gner_core.reports.templates import templates


def render_sweep(content: SweepContent) -> str:
    """Return the page."""
    paper = compare_sweep(content.figure, content.rows)
    return (
        templates()
        .get_template("sweep/page.html.j2")
        .render(
            content=content,
            paper=paper,
            has_costs=any(score.split("/")[1] in COSTS for score in content.show),
            panels=_panels(content),
            scores=_scores(content),
            compared=_compared(paper),
            corpora={title: _corpora(content, title) for title in content.rows[0].corpora},
        )
    )


def _panels(content: SweepContent) -> list[Markup]:
    """Return the figure, a panel a score where it has several."""
    from gner_core.reports.figures import inline
    from gner_core.reports.sweep.figures import drawn_scores, panels_of, sweep_figure

    if len(panels_of(content)) < 2:
        return [
            inline(sweep_figure(content), f"{', '.join(drawn_scores(content))} of {content.name}")
        ]
    return [
        inline(
            sweep_figure(replace(content, name=score, show=(score,))), f"{score} of {content.name}"
        )
        for score in drawn_scores(content)
    ]


def _scores(content: SweepContent) -> Table:
    """Return the table of all rows: the best one is marked, differences are to the first."""
    columns = [Column(axis, number=False) for axis in content.axes] or [Column("", number=False)]
    for at, score in enumerate(content.show):
        names = tuple(f"{score}{part}" for part in PARTS)
        columns.append(Column(score, stays=at == 0, names=names))
    columns.append(Column("parameters"))
    columns += [Column("runs")] if content.seeds else []
    columns.append(Column("reports", number=False))
    rows = []
    for place, row in enumerate(content.rows):
        cells = _labels(content, row)
        cells += [_figure(row.cells.get(score), score) for score in content.show]
        cells.append(number(row.parameters))
        cells += [number(len(row.names))] if content.seeds else []
        best = place == content.best
        rows.append(
            ShownRow(
                [*cells, _reports(row, numbered=content.seeds is not None)],
                mark="best" if best else "",
                note="best" if best else "",
            )
        )
    return Table("scores", columns, rows)


def _labels(content: SweepContent, row: Row) -> list[Shown]:
    return [text(row.labels[axis]) for axis in content.axes] or [text(row.names[0])]


def _figure(cell: Cell | None, score: str) -> Shown:
    """Return a figure, and behind it its difference to the first row."""
    if cell is None:
        return nothing(len(PARTS))
    gain = cell.difference
    better = None
    if gain and gain.certain:
        better = (gain.value > 0) != (score.split("/")[1] in LOWER)
    small = difference_shown(gain, score) if gain else ""
    return Shown(shown(cell, score), values_of(cell, score), small=small, better=better)


def _reports(row: Row, *, numbered: bool) -> Shown:
    links = tuple(
        (str(place) if numbered else "report", f"{name}.html")
        for place, name in enumerate(row.names, start=1)
    )
    return Shown("", (" ".join(row.names),), links=links)


def _compared(paper: SweepComparison) -> Table:
    columns = [
        Column(name or "setting", number=bool(name), stays=name == "ours") for name in view.HEAD
    ]
    rows = [ShownRow([text(one) for one in view.cells(row)]) for row in paper.rows]
    return Table("paper", columns, rows)


def _corpora(content: SweepContent, title: str) -> Table:
    """Return F1 by corpus in one test."""
    names = list(content.rows[0].corpora[title])
    columns = [Column(axis, number=False) for axis in content.axes] or [Column("", number=False)]
    rows = [
        ShownRow(
            [
                *_labels(content, row),
                *(
                    share(row.corpora[title][name]) if name in row.corpora[title] else nothing()
                    for name in names
                ),
            ]
        )
        for row in content.rows
    ]
    return Table(f"corpora-{title}", [*columns, *map(Column, names)], rows)


def shown(cell: Cell, score: str) -> str:
    """Return a figure in points: `63.5 ± 0.2` over seeds, `63.5 (61.0–65.9)` of one run.

    Costs are no shares and shown as they are, with a digit more.
    """
    scale, digits = _scale(score)
    value = f"{scale * cell.mean:.{digits}f}"
    if cell.deviation is not None:
        return f"{value} ± {scale * cell.deviation:.{digits}f}"
    if cell.interval is not None:
        return f"{value} ({scale * cell.interval[0]:.1f}–{scale * cell.interval[1]:.1f})"
    return value


def difference_shown(difference: Difference, score: str) -> str:
    """Return a difference with its interval: `+1.2 (−0.3 to +2.7)`."""
    scale, digits = _scale(score)

    def signed(value: float) -> str:
        return f"{scale * value:+.{digits}f}".replace("-", "−")

    value = signed(difference.value)
    if difference.low is None or difference.high is None:
        return value
    return f"{value} ({signed(difference.low)} to {signed(difference.high)})"


def _scale(score: str) -> tuple[int, int]:
    """Return by what a figure is multiplied to be shown, and its digits behind the point."""
    scale = scale_of(score)
    return scale, 1 if scale > 1 else 2
