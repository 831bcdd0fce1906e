"""The task that has the entities of a part in the store, whichever machine finds them."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Signal
from threading import Lock
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from gner_core.annotating.entities import ENTITIES
from gner_core.errors import InputError, Stopped
from gner_core.runtime.locks import AT_ONCE
from gner_core.store.artifacts import Store
from tasks.annotating.pool import Annotators
from tasks.progress import logger
from tasks.steps.annotation import Annotate
from tasks.workers import Event, Workers

ANNOTATED = "annotated"
"""In the manifest of a part: what the worker said of it."""


class Meter:
    """Counts the texts that are done, and shows how fast this machine annotates."""

    def __init__(self, show: Callable[[Event], object], *, total: int) -> None:
        """Show counts of `total` texts as events of progress."""
        self._show, self.total = show, total
        self.done = 0
        """Texts in the store."""
        self.made = 0
        """Those of them that this run annotated."""
        self._within: dict[Annotate, float] = {}
        self._lock = Lock()
        self._began: float | None = None

    def within(self, step: Annotate, texts: float) -> None:
        """Take so many texts of a part as done, until it is."""
        with self._lock:
            self._began = self._began or time.monotonic()
            self._within[step] = texts
            self._tell()

    def finished(self, step: Annotate, texts: int, *, here: bool) -> None:
        """Take a part as done."""
        with self._lock:
            self._within.pop(step, None)
            self.done += texts
            self.made += texts if here else 0
            self._tell()

    @property
    def seconds(self) -> float:
        """Seconds since the first part was begun."""
        return time.monotonic() - self._began if self._began else 0.0

    def _tell(self) -> None:
        inside = sum(self._within.values())
        speed = {"texts_per_second": (self.made + inside) / max(self.seconds, 1e-3)}
        done = self.done + inside
        self._show(
            {
                "time": time.time(),
                "done": round(done),
                "total": self.total,
                "share": done / self.total,
                "metrics": speed if self._began else {},
            }
        )


@dataclass(frozen=True)
class Annotating:
    """What the parts of an annotation share."""

    store: Store
    workers: Workers
    annotators: Annotators
    meter: Meter

    def wait_for(self, *, others: bool) -> Signal:
        """Return the signal that ends waiting for the lock of a part."""
        return self.workers.stopping if others else AT_ONCE


@task(name="annotate", cache_policy=NO_CACHE, task_run_name="annotate {step.title}")
def annotate_part(step: Annotate, texts: list[str], run: Annotating, wait: bool) -> bool:
    """Publish the entities of a part, unless it is published; say whether it is now.

    A worker process is held first, so that no part is locked that would only wait for one.

    Args:
        wait: for another process or machine that has the part; if not, the part is left to it.
    """
    with run.annotators.one() as annotator, ExitStack() as stack:
        given_up = run.wait_for(others=wait)
        try:
            lock = run.store.lock(step.ref, given_up=given_up, on_wait=_teller(step))
            stack.enter_context(lock)
        except Stopped:
            if wait or run.workers.stopping.is_set():
                raise
            return False
        if run.store.has(step.ref):
            run.meter.finished(step, len(texts), here=False)
            return True

        def show(event: Event) -> None:
            run.meter.within(step, event["share"] * len(texts))

        run.meter.within(step, 0)
        annotator.on_event = show
        facts = step.manifest_facts()
        with run.store.publish(step.ref, about=facts) as folder:
            facts[ANNOTATED] = _annotated(step, texts, folder / ENTITIES, annotator.annotate)
        annotator.on_event = len
        run.meter.finished(step, len(texts), here=True)
        return True


def _teller(step: Annotate) -> Callable[[str], None]:
    log = logger()

    def tell(line: str) -> None:
        log.info("annotate %s: %s", step.title, line)

    return tell


def _annotated(
    step: Annotate,
    texts: list[str],
    file: Path,
    annotate: Callable[[list[str], Path], dict[str, Any]],
) -> dict[str, Any]:
    try:
        return annotate(texts, file)
    except InputError as error:
        raise InputError(f"annotate {step.title}: {error}") from None
