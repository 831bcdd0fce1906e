"""The task at the end of a sweep: its figure, its table and its page.

Owns the identity of the step and what is gathered from which artifact. Figures, tables and looks
are in `gner_core.reports`.

Example:
    step = sweep_report_step(sweep, [(point, plan)], missing=[])
    write_sweep_report.submit(step, run)
"""

import json
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext

from gner_core.params import Experiment
from gner_core.reports.paper.sweep import sweep_beside
from gner_core.reports.sweep_content import (
    PointView,
    SweepContent,
    as_csv,
    as_json,
    rows_of,
)
from gner_core.reports.sweep_page import render_sweep, shown
from gner_core.store import ArtifactRef
from gner_core.sweep_file import Runnable, Study, Sweep, SweepPoint
from tasks.context import RunContext
from tasks.plan import Plan
from tasks.points import PlannedPoint
from tasks.results import SCORES
from tasks.steps import Step

PAGE, PNG, SVG, CSV, TABLE = "sweep.html", "figure.png", "figure.svg", "table.csv", "table.json"
FILES = (PNG, SVG, CSV, TABLE)


def sweep_report_step(
    sweep: Sweep, done: Sequence[tuple[SweepPoint, Plan]], *, missing: Sequence[str]
) -> Step:
    """Show the scores of the points that are done; `missing` names those that failed."""
    params = sweep.params
    titles = list(dict.fromkeys(score.split("/")[0] for score in params.show))
    identity = {
        "figure": params.figure,
        "show": list(params.show),
        "axes": [axis for axis in params.axes if axis != params.seeds],
        "seeds": params.seeds,
        "points": [_point(sweep, point) for point, _ in done],
        "missing": list(missing),
    }
    inputs = {
        f"{point.experiment.name} {title}": plan.evaluations[title].score
        for point, plan in done
        for title in titles
    }
    return Step("sweep-report", sweep.name, identity, inputs)


def sweep_report_steps(found: Runnable, points: Iterable[PlannedPoint]) -> list[Step]:
    """Return the steps at the end of the sweeps of a file, as they are when no point fails."""
    if isinstance(found, Experiment):
        return []
    plans = {point.experiment.name: point.plan for point in points}
    return [
        sweep_report_step(
            part, [(one, plans[one.experiment.name]) for one in part.points], missing=[]
        )
        for part in (found.parts if isinstance(found, Study) else [found])
        if isinstance(part, Sweep)
    ]


def _point(sweep: Sweep, point: SweepPoint) -> dict[str, Any]:
    x, x_label = sweep.x_of(point)
    return {
        "name": point.experiment.name,
        "labels": dict(point.labels),
        "parameters": point.experiment.backbone.parameters,
        "series": sweep.line_of(point),
        "x": x,
        "x_label": x_label,
        "place": _place(point.experiment),
    }


def _place(experiment: Experiment) -> dict[str, Any]:
    """Return what tells the numbers of the paper's tables apart."""
    samples = {"zero-shot": experiment.zero_shot, "supervised": experiment.supervised}
    return {
        "backbone": experiment.backbone.name,
        "beams": experiment.decode.beams,
        "labels": experiment.target.labels,
        "context": experiment.target.context,
        "matching": experiment.match.mode,
        "back_tokenization": experiment.match.back_tokenization,
        "tests": {
            title: {"split": sample.split, "corpora": list(sample.corpora)}
            for title, sample in samples.items()
            if sample
        },
    }


@task(name="sweep-report", cache_policy=NO_CACHE, task_run_name="sweep-report {step.title}")
def write_sweep_report(step: Step, run: RunContext) -> ArtifactRef:
    """Publish figure, table and page of a sweep; attach them to its run."""
    content = _content(step, run)

    def build(folder: Path) -> None:
        from gner_core.reports.figures import DRAWING  # matplotlib: only where there is to draw
        from gner_core.reports.sweep_figures import image, sweep_figure

        with DRAWING:
            figure = sweep_figure(content)
            svg, png = image(figure, "svg"), image(figure, "png", close=True)
        (folder / SVG).write_bytes(svg)
        (folder / PNG).write_bytes(png)
        (folder / CSV).write_text(as_csv(content), encoding="utf-8")
        paper = [row.as_dict() for row in sweep_beside(content.figure, content.rows).rows]
        values = {**as_json(content), "paper": paper}
        (folder / TABLE).write_text(json.dumps(values, indent=1, ensure_ascii=False))
        page = render_sweep(content, svg=svg.decode())
        (folder / PAGE).write_text(page, encoding="utf-8")

    run.ensure(step, build)
    _track(step, run, content)
    return step.ref


def _content(step: Step, run: RunContext) -> SweepContent:
    given = step.identity
    titles = list(dict.fromkeys(score.split("/")[0] for score in given["show"]))
    points = []
    for point in given["points"]:
        scores = {title: run.path(step.inputs[f"{point['name']} {title}"]) for title in titles}
        summaries = {t: json.loads((folder / SCORES).read_text()) for t, folder in scores.items()}
        points.append(PointView(**point, scores=summaries))
    return SweepContent(
        name=step.title,
        figure=given["figure"],
        show=given["show"],
        axes=given["axes"],
        seeds=given["seeds"],
        rows=rows_of(points, show=given["show"], seeds=given["seeds"]),
        missing=given["missing"],
    )


def table(step: Step, run: RunContext) -> list[dict[str, str]]:
    """Return the rows of a published sweep as texts by column."""
    return _table(_content(step, run))


def _track(step: Step, run: RunContext, content: SweepContent) -> None:
    parent, folder = run.tracker.parent, run.path(step)
    for name in (PAGE, *FILES):
        parent.file(folder / name)
    rows = _table(content)
    parent.table("scores.json", lambda: {name: [row[name] for row in rows] for name in rows[0]})
    for row in content.rows:
        line = re.sub(r"[^\w .-]", " ", row.series)
        means = {"/".join(filter(None, (s, line))): cell.mean for s, cell in row.cells.items()}
        if row.x is not None:  # a curve in the MLflow UI
            parent.point(means, step=int(row.x), at=time.time())
    if TaskRunContext.get():
        create_table_artifact(rows, key=f"sweep-{step.title}", description=f"Sweep {step.title}")


def _table(content: SweepContent) -> list[dict[str, str]]:
    return [
        {
            **{axis: row.labels[axis] for axis in content.axes},
            **{s: shown(row.cells[s]) if s in row.cells else "–" for s in content.show},
        }
        for row in content.rows
    ]
