"""Prints the outcome of `gner run`: scores, pages, and what failed."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Column, Table

from flows.running.outcome import Outcome, PointsOutcome
from flows.views.store import short
from gner_core.store.artifacts import ArtifactRef
from tasks.paths import open_store


def show_points(outcome: PointsOutcome, console: Console) -> None:
    """Print the table of every sweep, what failed and why, and where the pages are."""
    for name, rows in outcome.tables.items():
        columns = [Column(c, justify="right" if "/" in c else "left") for c in rows[0]]
        table = Table(*columns, title=f"{name} (in points)")
        for row in rows:
            table.add_row(*row.values())
        console.print(table)
    for name, page in outcome.pages.items():
        console.print(f"{name:<24} {page}", soft_wrap=True, highlight=False)
    console.print(f"{'tracking':<24} {outcome.tracking_uri}", soft_wrap=True, highlight=False)
    console.print("`gner models` lists the checkpoints", highlight=False)
    if outcome.failures:
        console.print(
            f"{len(outcome.failures)} of {outcome.points} points failed:", style="bold red"
        )
        for label, cause in outcome.failures.items():
            console.print(f"  {label}: {cause}", soft_wrap=True, highlight=False, markup=False)
        console.print("The same command again does only what is missing.")


def show_outcome(outcome: Outcome, console: Console) -> None:
    """Print the scores of every test, the report and where the run is tracked."""
    figures = [Column(name, justify="right") for name in ("precision", "recall", "F1")]
    table = Table("test", "corpus", *figures, title="Scores (the paper's metric, in points)")
    for title, summary in outcome.scores.items():
        rows = {**summary["corpora"], "mean": summary["macro"]}
        for corpus, row in rows.items():
            cells = [f"{100 * row[name]:.1f}" for name in ("precision", "recall", "f1")]
            last = corpus == "mean"
            table.add_row(title, corpus, *cells, style="bold" if last else None, end_section=last)
    console.print(table)
    console.print(f"report    {outcome.report}", soft_wrap=True)
    console.print(f"tracking  {outcome.tracking_uri}", soft_wrap=True)
    for title, url in outcome.links.items():
        console.print(f"{title:<18} {url}", soft_wrap=True)
    show_checkpoints(outcome.checkpoints, console)


def show_checkpoints(checkpoints: Mapping[str, ArtifactRef], console: Console) -> None:
    """Print where the checkpoint of each training stage is, and the command that uses it."""
    store = open_store()
    for title, ref in checkpoints.items():
        lines = (
            f"checkpoint {title}: {store.objects.url(ref.path)}",
            f"  gner predict {short(ref.path)} FILE",
        )
        for line in lines:
            console.print(line, soft_wrap=True, highlight=False, markup=False)
