"""A row of a comparison with the paper as text: the same in reports, in tables and in logs."""

from gner_core.reports.paper.compared import Row
from gner_core.reports.tables import NOTHING

HEAD = ("", "ours", "interval", "paper", "difference", "paper inside")
NOT_RUN, NOT_STATED = "not run", "not stated"
INSIDE = {True: "yes", False: "no", None: ""}


def cells(row: Row) -> tuple[str, ...]:
    """Return the texts of the columns of `HEAD`."""
    return (row.name, ours(row), interval(row), paper(row), difference(row), INSIDE[row.inside])


def ours(row: Row) -> str:
    """Return our number in points, or that it was not run; another model is named."""
    if row.ours is None:
        return NOT_RUN
    deviation = "" if row.ours.deviation is None else f" ± {row.ours.deviation:.1f}"
    return f"{row.ours.value:.1f}{deviation}{row.ours.another and f' ({row.ours.another})'}"


def interval(row: Row) -> str:
    """Return the interval of our number."""
    if row.ours is None or row.ours.interval is None:
        return ""
    low, high = row.ours.interval
    return NOTHING if low == high else f"{low:.1f}–{high:.1f}"


def paper(row: Row) -> str:
    """Return the paper's number as it prints it, with the deviation of its five runs."""
    if row.paper is None:
        return NOT_STATED
    return f"{row.paper:.2f}".removesuffix("0") + (f" ± {row.std:.1f}" if row.std else "")


def difference(row: Row) -> str:
    """Return ours minus the paper's, with its sign."""
    return "" if row.difference is None else f"{row.difference:+.1f}".replace("-", "−")
