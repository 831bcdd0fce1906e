"""The task at the end of a sweep: its figure, table and page."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext

from gner_core.artifact_files import SCORED, SCORES, SUMMARY
from gner_core.reports.paper.sweep import compare_sweep
from gner_core.reports.sweep.content import PointView, Row, SweepContent, as_csv, rows_of
from gner_core.reports.sweep.differences import counted, figures_of, with_differences
from gner_core.reports.sweep.page import render_sweep, shown
from gner_core.runtime.files import read_json, write_json
from gner_core.scoring.scored import read_scored
from gner_core.store.artifacts import ArtifactRef, Store
from tasks.context import RunContext
from tasks.steps.results import Score, SweepReport

PAGE, PNG, SVG, CSV, TABLE = "sweep.html", "figure.png", "figure.svg", "table.csv", "table.json"
FILES = (PNG, SVG, CSV, TABLE)
CURVE = "curve"
"""Prefix of the metrics of a sweep's own run, which the MLflow UI draws over x: no score of the sweep."""


@task(name="sweep-report", cache_policy=NO_CACHE, task_run_name="sweep-report {step.title}")
def write_sweep_report(step: SweepReport, run: RunContext) -> ArtifactRef:
    """Publish figure, table and page of a sweep; attach them to its run."""
    content = _content(step, run)

    def build(folder: Path) -> None:
        compared = replace(content, rows=_with_differences(content.rows, step, run))
        from gner_core.reports.figures import DRAWING, image  # matplotlib: only where it draws
        from gner_core.reports.sweep.figures import sweep_figure

        with DRAWING:
            figure = sweep_figure(compared)
            svg, png = image(figure, "svg"), image(figure, "png")
            page = render_sweep(compared)
        (folder / SVG).write_bytes(svg)
        (folder / PNG).write_bytes(png)
        (folder / PAGE).write_text(page, encoding="utf-8")
        (folder / CSV).write_text(as_csv(compared), encoding="utf-8")
        paper = [row.as_dict() for row in compare_sweep(compared.figure, compared.rows).rows]
        values = {**asdict(compared), "paper": paper}
        write_json(folder / TABLE, values)

    run.ensure(step, build)
    _track(step, run, content)
    return step.ref


def _content(step: SweepReport, run: RunContext) -> SweepContent:
    points = []
    for row in step.rows:
        scores = {test: run.json(score, SCORES) for test, score in row.scores.items()}
        costs = {test: _a_sentence(score, run) for test, score in row.scores.items()}
        points.append(PointView(**row.shown, scores=scores, costs=costs))
    return SweepContent(
        name=step.title,
        figure=step.figure,
        show=step.show,
        axes=step.axes,
        seeds=step.seeds,
        rows=rows_of(points, show=step.show, seeds=step.seeds),
        missing=step.missing,
    )


def _with_differences(rows: Sequence[Row], step: SweepReport, run: RunContext) -> list[Row]:
    runs = {
        (row.shown["name"], test): counted(
            read_scored(run.path(score) / SCORED), figures_of(test, step.show)
        )
        for row in step.rows
        for test, score in row.scores.items()
    }
    scoring = next(iter(step.rows[0].scores.values())).scoring
    return with_differences(rows, step.show, runs, scoring)


def _a_sentence(score: Score, run: RunContext) -> dict[str, float]:
    """Return what a sentence took on average: seconds, calls and tokens, as far as they are known."""
    used = costs_of(score.predictions.ref, run.store)
    sentences = max(used.pop("sentences"), 1)
    return {name: value / sentences for name, value in used.items()}


def costs_of(written: ArtifactRef, store: Store) -> dict[str, float]:
    """Return what predictions took: sentences, seconds, calls and tokens, as far as they are known."""
    known = read_json(store.fetch(written) / SUMMARY)
    usage = store.manifest(written).get("usage", {})
    found = {"sentences": known["sentences"]}
    if "seconds" in usage:
        found["seconds"] = usage["seconds"]
    if "calls" in known:  # older generations have not counted
        found["calls"] = known["calls"]
    if "prompt_tokens" in known:
        found["tokens"] = known["prompt_tokens"] + known["answer_tokens"]
    return found


def table(step: SweepReport, run: RunContext) -> list[dict[str, str]]:
    """Return the rows of a published sweep as texts by column."""
    return _table(_content(step, run))


def _track(step: SweepReport, run: RunContext, content: SweepContent) -> None:
    parent, folder = run.tracker.parent, run.path(step)
    for name in (PAGE, *FILES):
        parent.file(folder / name)
    rows = _table(content)
    parent.table("scores.json", lambda: {name: [row[name] for row in rows] for name in rows[0]})
    for row in content.rows:
        if row.x is not None:
            curves = {
                "/".join(filter(None, (CURVE, score, row.series))): cell.mean
                for score, cell in row.cells.items()
            }
            parent.point(curves, step=int(row.x), at=time.time())
    if TaskRunContext.get():
        create_table_artifact(rows, key=f"sweep-{step.title}", description=f"Sweep {step.title}")


def _table(content: SweepContent) -> list[dict[str, str]]:
    return [
        {
            **{axis: row.labels[axis] for axis in content.axes},
            **{s: shown(row.cells[s], s) if s in row.cells else "–" for s in content.show},
        }
        for row in content.rows
    ]
