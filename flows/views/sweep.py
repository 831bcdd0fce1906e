"""How sweeps and studies look on the command line."""

from rich.console import Console
from rich.table import Table

from flows.running.points import PointsOutcome


def show_points(outcome: PointsOutcome, console: Console) -> None:
    """Print the table of every sweep, what failed and why, and where the pages are."""
    for name, rows in outcome.tables.items():
        table = Table(title=f"{name} (in points)")
        for column in rows[0]:
            table.add_column(column, justify="right" if "/" in column else "left")
        for row in rows:
            table.add_row(*row.values())
        console.print(table)
    for name, page in outcome.pages.items():
        console.print(f"{name:<24} {page}", soft_wrap=True, highlight=False)
    console.print(f"{'tracking':<24} {outcome.tracking_uri}", soft_wrap=True, highlight=False)
    if outcome.failures:
        console.print(
            f"{len(outcome.failures)} of {outcome.points} points failed:", style="bold red"
        )
        for label, cause in outcome.failures.items():
            console.print(f"  {label}: {cause}", soft_wrap=True, highlight=False, markup=False)
        console.print("The same command again does only what is missing.")
