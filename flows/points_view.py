"""How sweeps and studies look on the command line.

Example:
    show_points(outcome, Console())
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from flows.points import PointsOutcome
from gner_core.sweep_file import read_runnable
from tasks.home import open_store
from tasks.points import plan_points, shared_steps
from tasks.steps import Step
from tasks.sweeps import sweep_report_steps


def dry_run_lines(params: Path, overrides: Sequence[str]) -> Iterator[str]:
    """Yield every step of every point of a file once: its state, key, title, and who uses it."""
    store, points = open_store(), plan_points(params, overrides=overrides)
    steps: list[tuple[Step, list[str]]] = [
        (one.step, [user for user in one.users if user]) for one in shared_steps(points).values()
    ]
    found = read_runnable(params, overrides=overrides)
    steps += [(step, []) for step in sweep_report_steps(found, points)]
    for step, users in steps:
        state = "published" if store.has(step.ref) else "pending"
        who = f"  [{'; '.join(users)}]" if users else ""
        yield f"{state:<10} {step.kind:<12} {step.ref.key}  {step.title}{who}"


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
