"""Progress of a run, with or without Prefect: log lines, bars in a terminal, Prefect artifacts."""

import logging
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event as Signal
from threading import Thread
from typing import Self, cast
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from tasks.workers import SECONDS_BETWEEN_LINES, Event, TimeLeft

SECONDS_BETWEEN_ARTIFACTS = 30.0
"""Each costs time of a server, which is often on the same machine."""
SECONDS_AFTER_FAULT = 60.0
SAMPLED_SECONDS = 60.0
"""Between two shown lines of a worker's log that are no warnings."""
NOTED_LINES = 40
"""At most so many warnings of one worker are shown."""
LINE_CHARACTERS = 300
FIGURES = {
    "loss": "loss {:.3g}",
    "validation_loss": "validation loss {:.3g}",
    "label_tokens_per_second": "{:.0f} tokens/s",
    "texts_per_second": "{:,.1f} texts/s",
    "memory_gb": "{:.1f} GB",
    "answer_tokens": "{:,.0f} tokens answered",
    "money": "{:.4f} spent",
}
"""Which of a worker's figures are shown, and how; MLflow has all of them."""
NOTED = re.compile(r"^gner: |warning|error|exception|traceback", re.IGNORECASE)


def logger() -> logging.Logger:
    """Return the logger of the Prefect run around us, or the one of the command line."""
    if "prefect" not in sys.modules:  # no run is around us; its import takes a second
        return logging.getLogger("gner")
    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    try:
        return cast(logging.Logger, get_run_logger())
    except MissingContextError:
        return logging.getLogger("gner")


def in_task() -> bool:
    """Say whether a Prefect task is around us."""
    if "prefect" not in sys.modules:
        return False
    from prefect.context import TaskRunContext

    return TaskRunContext.get() is not None


class Progress:
    """Bars for the running steps of one flow run."""

    def __init__(self, console: Console) -> None:
        """Show bars on `console` where it is a terminal, else lines in the log."""
        self.live = console.is_terminal
        self.running: list[_Shown] = []
        self._ended = Signal()
        self._lines = Thread(target=self._write_lines, daemon=True)
        self.bars = Bars(
            TextColumn("{task.description:<14}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.completed:g}/{task.total:g}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[detail]}", markup=False),
            console=console,
            transient=True,
            disable=not self.live,
        )

    def __enter__(self) -> Self:
        self.bars.start()
        if not self.live:
            self._lines.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()
        self._ended.set()

    def _write_lines(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_LINES):
            for shown in [*self.running]:
                shown.log.info(shown.line)

    @contextmanager
    def bar(self, title: str) -> Iterator[Callable[[Event], None]]:
        """Give a function that shows one event of a worker's progress."""
        bar = self.bars.add_task(title, total=1, left="", detail="starting")
        shown = _Shown(self, title, bar)
        self.running.append(shown)
        try:
            yield shown
        finally:
            self.running.remove(shown)
            self.bars.remove_task(bar)


class LogSample:
    """Shows a sample of a worker's log: some warnings and errors, and now and then another line.

    All lines, by the thousand, would cost a Prefect server seconds and megabytes.
    """

    def __init__(self, title: str, kept_in: str) -> None:
        """Name the step and the file in which the whole log is."""
        self.title, self.kept_in = title, kept_in
        self.log = logger()
        self.noted = self.seen = self.shown = 0
        self.last = time.monotonic()

    def __call__(self, line: str) -> None:
        """Take the next line; of a progress bar, which overwrites itself, the last state."""
        line = line.strip().rpartition("\r")[2]
        if not line:
            return
        self.seen += 1
        if NOTED.search(line) and self.noted < NOTED_LINES:
            self.noted += 1
            self._show(logging.WARNING, line)
        elif time.monotonic() - self.last > SAMPLED_SECONDS:
            self.last = time.monotonic()
            self._show(logging.INFO, line)

    def end(self) -> None:
        """Say where the rest is."""
        if self.shown:
            rest = (self.title, self.shown, self.seen, self.kept_in)
            self.log.info("%s: %d of %d log lines shown, all are in %s", *rest)

    def _show(self, level: int, line: str) -> None:
        self.shown += 1
        self.log.log(level, "%s | %s", self.title, line[:LINE_CHARACTERS])


class _Shown:
    def __init__(self, progress: Progress, title: str, bar: TaskID) -> None:
        self.progress, self.title, self.bar = progress, title, bar
        self.log = logger()
        self.line = f"{title}: starting"
        self.next_artifact = 0.0
        self.artifact: UUID | None = None
        self.left = TimeLeft()
        self.metrics: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        done, total, now = event["done"], event["total"], time.monotonic()
        self.metrics |= event["metrics"]
        known = {name: value for name, value in self.metrics.items() if name in FIGURES}
        detail = "  ".join(FIGURES[name].format(value) for name, value in known.items())
        left = self.left(event)
        self.progress.bars.update(self.bar, completed=done, total=total, left=left, detail=detail)
        parts = [f"{self.title}: {done}/{total}", detail, left]
        self.line = "  ".join(part for part in parts if part)
        if in_task() and (now > self.next_artifact or done == total):
            self.next_artifact = now + SECONDS_BETWEEN_ARTIFACTS
            self._publish(100.0 * done / max(total, 1), detail)

    def _publish(self, share: float, detail: str) -> None:
        """Show progress in the Prefect UI; if the server is away, warn and pause."""
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        try:
            if self.artifact is None:
                key = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
                created = create_progress_artifact(share, key=key, description=detail or self.title)
                self.artifact = cast(UUID, created)
            else:
                update_progress_artifact(self.artifact, share, description=detail or self.title)
        except Exception as error:  # noqa: BLE001 (whatever the client raises: the work goes on)
            self.log.warning("%s: progress cannot be shown (%s)", self.title, error)
            self.next_artifact = time.monotonic() + SECONDS_AFTER_FAULT
