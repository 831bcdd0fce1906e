"""Renders the page of a sweep as one HTML file without outside resources."""

from dataclasses import replace

from markupsafe import Markup

from gner_core.reports.paper import view
from gner_core.reports.paper.sweep import SweepComparison, compare_sweep
from gner_core.reports.sweep.content import (
    LOWER,
    METRICS,
    PARTS,
    Cell,
    Difference,
    Row,
    SweepContent,
    measure_title,
    scale_of,
    values_of,
)
from gner_core.reports.tables import NOTHING, Column, Table, nothing, number, share, text
from gner_core.reports.tables import Cell as Shown
from gner_core.reports.tables import Row as ShownRow
from gner_core.reports.templates import templates

COST_TITLES = {
    "seconds": "seconds of generation",
    "calls": "calls of the model",
    "tokens": "tokens of prompts and answers",
    "hallucinated": "hallucinated strings",
    "omitted": "words left out",
    "added": "words added",
    "substituted": "words replaced",
}


def render_sweep(content: SweepContent) -> str:
    """Return the page."""
    paper = compare_sweep(content.figure, content.rows)
    measures = {score.split("/")[1] for score in content.show}
    return (
        templates()
        .get_template("sweep/page.html.j2")
        .render(
            content=content,
            paper=paper,
            measures=measures,
            costs=[shown for name, shown in COST_TITLES.items() if name in measures],
            has_intervals=bool(measures & {"f1", *METRICS}),
            models=_models(content),
            tested=_tested(content),
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
    """Return the table of all rows: the best of each column is marked, differences are to the first."""
    columns = [Column(axis, number=False) for axis in content.axes] or [Column("", number=False)]
    for at, score in enumerate(content.show):
        names = tuple(f"{score}{part}" for part in PARTS)
        columns.append(Column(title_of(score), stays=at == 0, names=names))
    sizes = len({row.parameters for row in content.rows}) > 1
    columns += [Column("parameters")] if sizes else []
    columns += [Column("runs")] if content.seeds else []
    columns.append(Column("reports", number=False))
    rows = []
    for row in content.rows:
        cells = _labels(content, row)
        cells += [_figure(row.cells.get(one), one, best=content.best(one)) for one in content.show]
        cells += [number(row.parameters)] if sizes else []
        cells += [number(len(row.names))] if content.seeds else []
        rows.append(ShownRow([*cells, _reports(row, numbered=content.seeds is not None)]))
    return Table("scores", columns, rows)


def _labels(content: SweepContent, row: Row) -> list[Shown]:
    return [text(row.labels[axis]) for axis in content.axes] or [text(row.names[0])]


def _figure(cell: Cell | None, score: str, *, best: float | None) -> Shown:
    """Return a figure, and behind it its difference to the first row."""
    if cell is None:
        return nothing(len(PARTS))
    gain = cell.difference
    better = None
    if gain and gain.certain:
        better = (gain.value > 0) != (score.split("/")[1] in LOWER)
    small = difference_shown(gain, score) if gain else ""
    figure, first = shown(cell, score), cell.mean == best
    return Shown(figure, values_of(cell, score), small=small, better=better, best=first)


def title_of(score: str) -> str:
    """Return the heading of a figure: `zero-shot, missed (UE)` of `zero-shot/UE`."""
    test, measure = score.split("/")
    return f"{test}, {measure_title(measure)}"


def _models(content: SweepContent) -> str:
    """Name the model of all rows; of several, say how many there are."""
    found = {row.place["backbone"]: row.parameters for row in content.rows}
    if len(found) > 1:
        return f"{len(found)} models"
    ((name, parameters),) = found.items()
    return f"{name} ({parameters:,} parameters)"


def _tested(content: SweepContent) -> str:
    """Say how many sentences each test has, where that is the same in all rows."""
    found = content.rows[0].sentences.items()
    same = [(t, n) for t, n in found if all(row.sentences.get(t) == n for row in content.rows)]
    return ", ".join(f"{title} {count:,} sentences" for title, count in same)


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
    names = list(dict.fromkeys(name for row in content.rows for name in row.corpora[title]))
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
        if cell.interval[0] == cell.interval[1]:
            return f"{value} ({NOTHING})"
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
    if scale > 1:
        return scale, 1
    return scale, 0 if score.split("/")[1] == "tokens" else 2
