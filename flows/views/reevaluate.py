"""Prints the result of `gner reevaluate`: a row a checkpoint; Prefect shows the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.views.output import Output
from flows.views.tables import percent, points, signed, signed_bounds, table_of
from gner_core.config.reevaluation import Reevaluation
from gner_core.errors import InputError
from tasks.champion import Decision

NUMBERS = ("F1", "against champion", "interval", "p")
VERDICTS = {
    "first": "champion: the first",
    "zero": "no champion: F1 is 0",
    "named": "champion: holds the alias",
    "better": "better: becomes champion",
    "even": "even: champion stays",
    "worse": "worse: regression",
}
STYLES = {"champion": "green", "better": "bold green", "worse": "bold red", "even": None}
"""By the first word of the verdict; what is not decided is dimmed."""


@dataclass(frozen=True)
class Row:
    """What became of one checkpoint."""

    name: str
    where: str
    decision: Decision | None = None
    f1: float | None = None
    """Of a checkpoint about which nothing is decided yet, 0 to 1."""
    note: str = ""
    """Why nothing is decided."""
    error: Exception | None = None


def table_rows(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return the rows as texts by column."""
    return [
        {
            "checkpoint": row.name,
            **dict(zip(NUMBERS, _numbers(row), strict=True)),
            "verdict": _verdict(row),
            "where": row.where,
        }
        for row in rows
    ]


def print_table(rows: Sequence[Mapping[str, str]], *, title: str) -> None:
    """Print the rows of `table_rows`; figures are points."""
    table = table_of(title, ["checkpoint"], NUMBERS)
    table.add_column("verdict")
    for row in rows:
        shown = [row[column] for column in ("checkpoint", *NUMBERS, "verdict")]
        table.add_row(*shown, style=STYLES.get(row["verdict"].split(":")[0], "dim"))
    Output().print(table)


def title_of(params: Reevaluation) -> str:
    """Return what stands over the table."""
    tests, level = " + ".join(params.tests), percent(params.comparison.level)
    return f"{params.name}: mean F1 on {tests}, in points, with {level} intervals"


def raise_faults(rows: Sequence[Row]) -> None:
    """Raise one error that names every checkpoint which could not be evaluated or compared."""
    faults = [row for row in rows if row.error]
    if faults:
        words = "; ".join(f"{row.name}: {row.error}" for row in faults)
        of_input = all(isinstance(row.error, InputError) for row in faults)
        raise InputError(words) if of_input else RuntimeError(words)


def _verdict(row: Row) -> str:
    if row.decision:
        return VERDICTS[row.decision.verdict]
    return f"failed: {type(row.error).__name__}" if row.error else row.note


def _numbers(row: Row) -> tuple[str, str, str, str]:
    one = row.decision
    f1 = one.f1 if one else row.f1
    shown = "" if f1 is None else points(f1)
    if one is None or one.difference is None or one.low is None or one.high is None:
        return shown, "", "", ""
    return shown, signed(one.difference), signed_bounds(one.low, one.high), f"{one.p:.3f}"
