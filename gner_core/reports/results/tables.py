"""The tables of a study: its rows, each corpus, each type."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from gner_core.reports.markdown import table, text
from gner_core.reports.paper.numbers import MEAN
from gner_core.reports.results.content import StudyView, matching, name_of
from gner_core.reports.results.paper import PaperNumbers
from gner_core.reports.sweep.content import COSTS, Cell, Row
from gner_core.reports.sweep.page import difference_shown, shown, title_of
from gner_core.scoring.analysis.draws import Interval
from gner_core.scoring.analysis.errors import NOTHING
from gner_core.scoring.metrics.counts import Counts

ABSENT = "–"
LARGEST = 2
"""Wrong types that are named for each type."""
MOST_INTERVALS = 3
"""Up to so many rows have their intervals in the table of corpora."""


def rows_table(view: StudyView, papers: Sequence[PaperNumbers]) -> str:
    """Return a row of the table for each of the study, with differences and the paper's numbers."""
    beside = {paper.ref.score for paper in papers}
    head = [*map(text, view.record.axes)] or ["model"]
    texts = range(len(head))
    for score in view.shown.show:
        head += [_heading(view, score), *(["paper"] if score in beside else [])]
    seeds = view.record.seeds
    head += ["seeds"] if seeds else []
    body = []
    for row in view.rows:
        cells = [text(row.labels[axis]) for axis in view.record.axes] or [text(_model(view, row))]
        for score in view.shown.show:
            cells.append(_cell(row.cells.get(score), score))
            if score in beside:
                cells.append(_paper(row, score, papers))
        body.append([*cells, *([str(len(row.names))] if seeds else [])])
    return table(head, body, texts=texts)


def _heading(view: StudyView, score: str) -> str:
    """Return the heading of a figure, without its test where all are of one."""
    figure = title_of(score).removeprefix(f"{only_test(view)}, ")
    return text(f"{figure} a sentence" if score.split("/")[1] in COSTS else figure)


def only_test(view: StudyView) -> str | None:
    """Return the test of which everything is shown; None where there are several."""
    tests = {score.split("/")[0] for score in view.shown.show}
    return tests.pop() if len(tests) == 1 else None


def _model(view: StudyView, row: Row) -> str:
    return next(one.model for one in view.points if one.name in row.names)


def _cell(cell: Cell | None, score: str) -> str:
    """Return a figure, and below it its difference to the baseline: bold where the interval excludes 0."""
    if cell is None:
        return ABSENT
    value = shown(cell, score)
    if cell.difference is None:
        return value
    change = difference_shown(cell.difference, score)
    return f"{value}<br><small>{f'**{change}**' if cell.difference.certain else change}</small>"


def _paper(row: Row, score: str, papers: Sequence[PaperNumbers]) -> str:
    found = [
        p.mean for p in papers if p.ref.score == score and p.ref.of.items() <= row.labels.items()
    ]
    return next((one for one in found if one), ABSENT)


def corpora_table(view: StudyView, test: str, papers: Sequence[PaperNumbers]) -> str:
    """Return the F1 of each corpus in a test: a column a row of the study, and the paper's beside it."""
    own = [paper for paper in papers if paper.ref.score == f"{test}/f1"]
    corpora = list(view.rows[0].corpora[test])
    several = len(view.rows) > 1
    head = ["corpus"]
    columns: list[Mapping[str, str]] = []
    for row in view.rows:
        found = {corpus: view.of_corpus(row, test, corpus) for corpus in corpora}
        head.append(text(name_of(row.labels)) if several else "F1")
        intervals = len(view.rows) <= MOST_INTERVALS
        cells = {name: _with_interval(one, intervals=intervals) for name, one in found.items()}
        mean = row.cells[f"{test}/f1"]
        bounds = Interval(mean.mean, *mean.interval) if mean.interval else None
        last = _with_interval(bounds, intervals=intervals) if bounds else shown(mean, f"{test}/f1")
        columns.append({**cells, MEAN: last})
        for paper in own:
            if paper.corpora and matching([row], paper.ref.of):
                head.append("paper")
                columns.append({**paper.corpora, MEAN: paper.mean or ABSENT})
    lines = [[name, *(column.get(name, ABSENT) for column in columns)] for name in (*corpora, MEAN)]
    return table(head, lines)


def _with_interval(found: Interval, *, intervals: bool) -> str:
    value = f"{100 * found.value:.1f}"
    return f"{value} ({100 * found.low:.1f}–{100 * found.high:.1f})" if intervals else value


def types_table(view: StudyView, test: str) -> str:
    """Return each type of each corpus in the baseline row: its scores, and what it is taken for."""
    row = view.baseline or view.rows[0]
    points = [one for one in view.points if one.name in row.names]
    found = [one.tests[test] for one in points]
    lines = []
    for corpus in found[0].types:
        for name in found[0].types[corpus]:
            every = [one.types[corpus].get(name, (0, 0, 0)) for one in found]
            counts = sum((Counts(*one) for one in every), Counts())
            taken: Counter[str] = Counter()
            for one in found:
                taken.update(one.confusion[corpus].get(name, {}))
            shares = (counts.precision, counts.recall, counts.f1)
            lines.append(
                [
                    text(corpus),
                    text(name),
                    str(counts.gold // len(found)),
                    *(f"{100 * share:.0f}" for share in shares),
                    _taken(taken, name),
                ]
            )
    for _, same in groupby(lines, key=lambda line: line[0]):
        for line in list(same)[1:]:
            line[0] = ""
    head = ["corpus", "type", "gold", "precision", "recall", "F1", "else taken for"]
    return table(head, lines, texts=(0, 1, len(head) - 1))


def _taken(taken: Counter[str], name: str) -> str:
    """Return what most entities of a type are taken for, where it is not the type itself."""
    total = max(sum(taken.values()), 1)
    others = [(one, count) for one, count in taken.most_common() if one != name][:LARGEST]
    return ", ".join(
        f"{'nothing' if one == NOTHING else text(one)} {100 * count / total:.0f} %"
        for one, count in others
    )
