"""What several commands print alike: tables that lose nothing, figures, a bar of progress."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from threading import Event as Signal
from threading import Thread
from time import strftime

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.progress import Progress, ProgressColumn, Task
from rich.table import Column, Table
from rich.text import Text

from flows.views.output import UNLIMITED, Output, visible
from tasks.workers import SECONDS_BETWEEN_LINES

COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red", "bright_cyan", "bright_yellow")
PADDING = 2
"""Blanks behind every column: one of its own, one between columns."""


class WholeTable(Table):
    """A table that is never cut: where it is too wide, its columns stand in several below another.

    Columns of texts are broken between words, numbers not at all. The first columns of texts, which
    say what a row is, are repeated.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield title, tables and caption."""
        if self.title:
            yield Text(visible(str(self.title)), style="table.title")
        wide = options.update_width(UNLIMITED)
        widths = [self._width(console, wide, column) for column in self.columns]
        for number, chosen in enumerate(self._parts(widths, options.max_width)):
            if number:
                yield Text()
            part = copy(self)
            part.title = part.caption = None
            fitted = _fitted([widths[n] for n in chosen], options.max_width)
            part.columns = [
                replace(self.columns[n], _index=at, width=fitted[at]) for at, n in enumerate(chosen)
            ]
            yield from super(WholeTable, part).__rich_console__(console, wide)
        if self.caption:
            yield Text(visible(str(self.caption)), style="table.caption")

    def _width(self, console: Console, wide: ConsoleOptions, column: Column) -> Measurement:
        """Return how wide a column must and may be, without padding."""
        least, most = self._measure_column(console, wide, column)
        padding = self._get_padding_width(0)
        return Measurement((most if column.no_wrap else least) - padding, most - padding)

    def _parts(self, widths: Sequence[Measurement], room: int) -> Iterable[list[int]]:
        """Return the columns of each table, by number."""
        named = [n for n, column in enumerate(self.columns) if column.justify == "right"]
        keys = [*range(min(named, default=0) or 1)]
        parts, part = [], list(keys)
        for n in range(len(keys), len(widths)):
            if part != keys and _total(widths[c].minimum for c in (*part, n)) > room:
                parts.append(part)
                part = list(keys)
            part.append(n)
        return [*parts, part]


def _fitted(widths: Sequence[Measurement], room: int) -> list[int]:
    """Return the widths of the columns of one table; what room there is goes to the first."""
    spare = max(0, room - _total(width.minimum for width in widths))
    fitted = []
    for least, most in widths:
        fitted.append(min(most, least + spare))
        spare -= fitted[-1] - least
    return fitted


def _total(widths: Iterable[int]) -> int:
    return sum(width + PADDING for width in widths)


def numbers(*headings: str) -> list[Column]:
    """Return columns of numbers, aligned to the right."""
    return [Column(heading, justify="right", no_wrap=True) for heading in headings]


def plain_table(*columns: Column | str, title: str = "", caption: str = "") -> WholeTable:
    """Return an empty table without lines between its columns."""
    return WholeTable(
        *columns,
        title=title or None,
        caption=caption or None,
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )


def table_of(title: str, headings: Sequence[str], figures: Sequence[str]) -> WholeTable:
    """Return an empty plain table: columns of texts, then columns of numbers."""
    return plain_table(*headings, *numbers(*figures), title=title)


@contextmanager
def bar_of(*columns: ProgressColumn) -> Iterator[Progress]:
    """Give a bar on standard error that vanishes at the end; outside a terminal, a line now and then."""
    console = Output(stderr=True)
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    ended = Signal()

    def write_lines() -> None:
        while not ended.wait(SECONDS_BETWEEN_LINES):
            for task in bar.tasks:
                console.print(_line_of(task))

    with bar:
        if not console.is_terminal:
            Thread(target=write_lines, daemon=True).start()
        try:
            yield bar
        finally:
            ended.set()


def _line_of(task: Task) -> str:
    total = "" if task.total is None else f"/{task.total:g}"
    done = f": {task.completed:g}{total}" if task.total or task.completed else ""
    left = task.fields.get("left", "")
    return f"{strftime('%H:%M:%S')} {task.description}{done}{left and '  '}{left}"


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
