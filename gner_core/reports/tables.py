"""Tables of pages: each is shown, and can be saved as CSV.

A cell has a text that is shown, and values for the CSV file: shares in points, with four digits
behind the point, as in the files of sweeps.
"""

import base64
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Value = str | int | float | None
Mark = Literal["", "mean", "absent", "best"]
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, and the names of its values in a CSV file where they are not the title."""

    title: str
    number: bool = True
    """Aligned to the right."""
    stays: bool = False
    """In view while a narrow screen scrolls."""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its text, a smaller text behind it, its values, and where it links to."""

    text: str
    values: tuple[Value, ...]
    small: str = ""
    better: bool | None = None
    """Whether the smaller text tells of something better or worse."""
    links: tuple[tuple[str, str], ...] = ()
    """Texts and addresses, shown instead of the text."""
    best: bool = False
    """Of its column."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table; `group` is the heading below which it stands."""

    cells: Sequence[Cell]
    group: str = ""
    mark: Mark = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of one or more columns; the first says what a row is."""

    name: str
    """In the name of its file."""
    columns: Sequence[Column]
    rows: Sequence[Row]
    group: str = ""
    """What the groups of the rows are, as a column of the file; empty where there are none."""


def text(shown: str) -> Cell:
    """Return a cell with a text."""
    return Cell(shown, (shown,))


def number(count: int) -> Cell:
    """Return a cell with a number of things."""
    return Cell(f"{count:,}", (count,))


def share(value: float) -> Cell:
    """Return a cell with a share (0 to 1), in points."""
    return Cell(f"{100 * value:.1f}", (points(value),))


def ratio(value: float, *, of: int) -> Cell:
    """Return a cell with a share (0 to 1) of some entities, in points; of none it is not defined."""
    return share(value) if of else nothing()


def nothing(values: int = 1) -> Cell:
    """Return the cell of what is not known."""
    return Cell(NOTHING, (None,) * values)


def points(value: float) -> float:
    """Return a share (0 to 1) in points, as it stands in a file."""
    return round(100 * value, 4)


def bounds(low: float, high: float) -> str:
    """Return an interval of shares (0 to 1), in points; one without width tells nothing."""
    return NOTHING if low == high else f"{100 * low:.1f}–{100 * high:.1f}"


def as_csv(table: Table) -> str:
    """Return a table as a CSV file."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    names = [name for column in table.columns for name in column.names or (column.title,)]
    groups = [table.group] if table.group else []
    writer.writerow([*groups, *names])
    for row in table.rows:
        values = ["" if one is None else one for cell in row.cells for one in cell.values]
        writer.writerow([*([row.group] if table.group else []), *values])
    return buffer.getvalue()


def address(table: Table) -> str:
    """Return a link that holds the whole file, so that a page needs no server to save it."""
    data = base64.b64encode(as_csv(table).encode()).decode()
    return f"data:text/csv;charset=utf-8;base64,{data}"


def file_name(page: str, table: Table) -> str:
    """Return the name under which the table of a page is saved."""
    name = re.sub(r"[^\w.=-]+", "_", f"{page}-{table.name}")
    return f"{name}.csv"
