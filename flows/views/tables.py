"""What several commands print alike: tables, figures, a bar of progress."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, ProgressColumn
from rich.table import Column, Table

COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red", "bright_cyan", "bright_yellow")


def texts(*headings: str) -> list[Column]:
    """Return columns of texts that are not broken into lines."""
    return [Column(heading, no_wrap=True) for heading in headings]


def numbers(*headings: str) -> list[Column]:
    """Return columns of numbers, aligned to the right."""
    return [Column(heading, justify="right", no_wrap=True) for heading in headings]


def plain_table(*columns: Column | str, title: str = "", caption: str = "") -> Table:
    """Return an empty table without lines between its columns."""
    return Table(
        *columns,
        title=escape(title) or None,
        title_justify="left",
        caption=caption or None,
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )


def table_of(title: str, headings: Sequence[str], figures: Sequence[str]) -> Table:
    """Return an empty plain table: columns of texts, then columns of numbers."""
    return plain_table(*texts(*headings), *numbers(*figures), title=title)


def bar_of(*columns: ProgressColumn) -> Progress:
    """Return a bar on standard error, which is only shown in a terminal and vanishes at the end."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def points(share: float) -> str:
    """Return a share (0 to 1) in points."""
    return f"{100 * share:.2f}"


def percent(level: float) -> str:
    """Return the level of an interval, such as `95 %`."""
    return f"{100 * level:g} %"


def bounds(low: float, high: float) -> str:
    """Return the bounds of a share in points."""
    return f"{100 * low:.1f}–{100 * high:.1f}"


def signed(value: float) -> str:
    """Return a difference of shares in points, with its sign."""
    return f"{100 * value:+.2f}"


def signed_bounds(low: float, high: float) -> str:
    """Return the bounds of a difference of shares in points."""
    return f"{signed(low)} … {signed(high)}"
