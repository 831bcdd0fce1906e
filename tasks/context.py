"""What all tasks of one flow run share: the store, the tracker, the screen, and `ensure`.

Owns the rule of every step: published → skipped; else built under a lock, aside, then published.

Example:
    run = RunContext(experiment, store=store, tracker=tracker, progress=progress,
                     workers=workers)
    ref = run.ensure(step, lambda folder: (folder / "x").write_text("1"))
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from pathlib import Path
from threading import Condition
from typing import Any

from rich.console import Console

from gner_core.machine import USAGE, total
from gner_core.params import Experiment
from gner_core.store import ArtifactRef, Store
from gner_core.worker import PROGRESS
from tasks.home import open_store
from tasks.launch import LOG, Workers
from tasks.progress import Event, LogSample, Progress, logger
from tasks.steps import Setting, Step, about, refuse_unfetched
from tasks.tracking import Tracker


class Turns:
    """Lets a worker start while fewer than its experiment's `parallel_workers` run."""

    def __init__(self) -> None:
        """Nobody has a turn yet."""
        self._running = 0
        self._changed = Condition()

    @contextmanager
    def one_of(self, at_once: int) -> Iterator[None]:
        """Wait for a turn, and hold it."""
        with self._changed:
            self._changed.wait_for(lambda: self._running < at_once)
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()


class RunContext:
    """One flow run."""

    def __init__(
        self,
        setting: Setting,
        *,
        store: Store,
        tracker: Tracker,
        progress: Progress,
        workers: Workers,
    ) -> None:
        """Bind what the tasks need."""
        self.setting = setting
        self.store = store
        self.tracker = tracker
        self.progress = progress
        self.workers = workers
        self.turns = Turns()
        self.suffix = ""
        """Behind titles of steps, where several points of a sweep have one of that title."""
        self.usage: dict[ArtifactRef, dict[str, float]] = {}
        """What the workers of this flow run's steps have used, see `gner_core.machine`."""

    @property
    def experiment(self) -> Experiment:
        """The experiment, for steps that only an experiment has."""
        assert isinstance(self.setting, Experiment)
        return self.setting

    def with_setting(self, setting: Setting) -> "RunContext":
        """Return the same run for another setting; turns, store and tracking are shared."""
        other = copy(self)
        other.setting = setting
        return other

    def at_point(self, experiment: Experiment, *, tracker: Tracker, suffix: str) -> "RunContext":
        """Return the same run for steps of a point of a sweep, which has a run of its own in MLflow."""
        point = self.with_setting(experiment)
        point.tracker, point.suffix = tracker, suffix
        return point

    def ensure(self, step: Step, build: Callable[[Path], Any]) -> bool:
        """Have the step's artifact published, by `build(folder)` if need be; True if it ran.

        Raises:
            InputError: while files that determine its key are not here.
        """
        refuse_unfetched(step)
        log = logger()
        title = f"{step.kind} {step.title}{self.suffix}"
        at_once = self.setting.execution.parallel_workers
        turn = self.turns.one_of(at_once) if step.in_worker else nullcontext()

        def tell(line: str) -> None:
            log.info("%s: %s", title, line)

        with self.store.lock(step.ref, given_up=self.workers.stopping, on_wait=tell):
            if self.store.has(step.ref):
                self.store.discard(step.ref)  # another machine may have finished what we began
                log.info("%s: skipped, published as %s", title, step.ref.key)
                return False
            with turn:
                log.info("%s: running", title)
                started = time.monotonic()
                facts = about(step)
                with self.store.publish(step.ref, about=facts) as folder:
                    build(folder)
                    if step.ref in self.usage:
                        facts["usage"] = self.usage[step.ref]
                self.store.discard(step.ref)
        log.info("%s: done in %.1f s", title, time.monotonic() - started)
        return True

    def path(self, step: Step) -> Path:
        """Return the local folder of a published step, or of what is kept elsewhere."""
        place = step.place or step.ref
        return place if isinstance(place, Path) else self.store.fetch(place)

    def child(
        self,
        step: Step,
        module: str,
        request: dict[str, Any],
        *,
        folder: Path,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        """Run a worker for a step: log and progress go into the artifact, progress on the screen.

        A sample of the log goes into ours, too.
        """
        scratch = self.store.unfinished(step.ref)
        common = {
            "output": str(folder),
            "scratch": str(scratch),
            "threads": self.setting.execution.threads,
        }
        title = f"{step.title}{self.suffix}"
        with self.progress.bar(title) as show:

            def both(event: Event) -> None:
                show(event)
                if on_event:
                    on_event(event)

            sample = LogSample(title, f"{step.ref.path}/{LOG}")
            self.workers.run(module, {**request, **common}, on_event=both, on_line=sample)
            sample.end()
        for name in (LOG, PROGRESS):
            (folder / name).write_bytes((scratch / name).read_bytes())
        self.usage[step.ref] = total(scratch / USAGE)


@contextmanager
def untracked_run(experiment: Experiment, *, console: Console) -> Iterator[RunContext]:
    """Give a run for measurements: steps go into the store as ever, nothing is sent to MLflow."""
    workers = Workers()
    workers.start_server()
    with Progress(console) as progress, workers:
        yield RunContext(
            experiment,
            store=open_store(),
            tracker=Tracker("", artifacts=None),
            progress=progress,
            workers=workers,
        )
