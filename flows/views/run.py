"""Prints the outcome of `gner run`: scores, pages, and what failed."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console

from flows.running.outcome import Outcome, PointsOutcome
from flows.views.output import program
from flows.views.store import short
from flows.views.tables import numbers, plain_table, table_of
from gner_core.reports.sweep.content import COSTS
from gner_core.store.artifacts import ArtifactRef
from tasks.paths import open_store

EXAMPLE = "Ada Lovelace was born in London."


def outcome_values(outcome: Outcome) -> dict[str, Any]:
    """Return what an experiment leaves, for JSON."""
    paths = {title: ref.path for title, ref in outcome.checkpoints.items()}
    return {**asdict(outcome), "report": str(outcome.report), "checkpoints": paths}


def points_values(outcome: PointsOutcome) -> dict[str, Any]:
    """Return what a sweep or a study leaves, for JSON."""
    return {**asdict(outcome), "pages": {name: str(page) for name, page in outcome.pages.items()}}


def show_points(outcome: PointsOutcome, console: Console) -> None:
    """Print the table of every sweep, what failed and why, and where the pages are."""
    for name, rows in outcome.tables.items():
        columns = [column for c in rows[0] for column in (numbers(c) if "/" in c else [c])]
        shown = [c.partition("/")[2] for c in rows[0]]
        costs = ", ".join(dict.fromkeys(measure for measure in shown if measure in COSTS))
        title = f"{name} (in points{f'; per sentence: {costs}' if costs else ''})"
        table = plain_table(*columns, title=title)
        for row in rows:
            table.add_row(*row.values())
        console.print(table)
    for name, page in outcome.pages.items():
        console.print(f"{name:<24} {page}")
    console.print(f"{'tracking':<24} {outcome.tracking_uri}")
    console.print("`gner models` lists the checkpoints")
    if outcome.failures:
        console.print(
            f"{len(outcome.failures)} of {outcome.points} points failed:", style="bold red"
        )
        for label, cause in outcome.failures.items():
            console.print(f"  {label}: {cause}")
        console.print("The same command again does only what is missing.")


def show_outcome(outcome: Outcome, console: Console) -> None:
    """Print the scores of every test, the report and where the run is tracked."""
    figures = ("precision", "recall", "F1")
    table = table_of("Scores (the paper's metric, in points)", ("test", "corpus"), figures)
    for title, summary in outcome.scores.items():
        rows = {**summary["corpora"], "mean": summary["macro"]}
        for corpus, row in rows.items():
            cells = [f"{100 * row[name]:.1f}" for name in ("precision", "recall", "f1")]
            last = corpus == "mean"
            table.add_row(title, corpus, *cells, style="bold" if last else None, end_section=last)
    if outcome.scores:
        console.print(table)
    console.print(f"report    {outcome.report}")
    console.print(f"tracking  {outcome.tracking_uri}")
    for title, url in outcome.links.items():
        console.print(f"{title:<18} {url}")
    show_checkpoints(outcome.checkpoints, console)


def show_checkpoints(checkpoints: Mapping[str, ArtifactRef], console: Console) -> None:
    """Print where the checkpoint of each training stage is, and a command that tries it."""
    store = open_store()
    for title, ref in checkpoints.items():
        console.print(f"checkpoint {title}")
        console.print(f"  {store.objects.url(ref.path)}")
        console.print(f'  echo "{EXAMPLE}" | {program()} predict {short(ref.path)}', soft_wrap=True)
