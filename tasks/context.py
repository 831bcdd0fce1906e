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
from pathlib import Path
from threading import Semaphore
from typing import Any

from rich.console import Console

from gner_core.machine import USAGE, total, visible_gpus
from gner_core.params import Experiment
from gner_core.store import ArtifactRef, Store
from gner_core.worker import PROGRESS
from tasks.home import open_store
from tasks.launch import LOG, Workers
from tasks.progress import Event, LogSample, Progress, logger
from tasks.steps import Step, about
from tasks.tracking import Tracker


class RunContext:
    """One flow run."""

    def __init__(
        self,
        experiment: Experiment,
        *,
        store: Store,
        tracker: Tracker,
        progress: Progress,
        workers: Workers,
    ) -> None:
        """Bind what the tasks need."""
        self.experiment = experiment
        self.store = store
        self.tracker = tracker
        self.progress = progress
        self.workers = workers
        self.turns = Semaphore(experiment.execution.parallel_workers)
        self.usage: dict[ArtifactRef, dict[str, float]] = {}
        """What the workers of this flow run's steps have used, see `gner_core.machine`."""

    def ensure(self, step: Step, build: Callable[[Path], Any]) -> bool:
        """Have the step's artifact published, by `build(folder)` if need be; True if it ran."""
        log = logger()
        turn = self.turns if step.in_worker else nullcontext()
        with self.store.lock(step.ref, given_up=self.workers.stopping):
            if self.store.has(step.ref):
                log.info("%s %s: skipped, published as %s", step.kind, step.title, step.ref.key)
                return False
            with turn:
                log.info("%s %s: running", step.kind, step.title)
                started = time.monotonic()
                facts = about(step)
                with self.store.publish(step.ref, about=facts) as folder:
                    build(folder)
                    if step.ref in self.usage:
                        facts["usage"] = self.usage[step.ref]
                self.store.discard(step.ref)
        log.info("%s %s: done in %.1f s", step.kind, step.title, time.monotonic() - started)
        return True

    def path(self, step: Step) -> Path:
        """Return the local folder of a published step."""
        return self.store.fetch(step.ref)

    def child(
        self,
        step: Step,
        module: str,
        request: dict[str, Any],
        *,
        folder: Path,
        gpus: int = 0,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        """Run a worker for a step: log and progress go into the artifact, progress on the screen.

        A sample of the log goes into ours, too.

        Args:
            gpus: how many it uses, where there are some.
        """
        scratch = self.store.unfinished(step.ref)
        common = {
            "output": str(folder),
            "scratch": str(scratch),
            "threads": self.experiment.execution.threads,
        }
        with self.progress.bar(step.title) as show:

            def both(event: Event) -> None:
                show(event)
                if on_event:
                    on_event(event)

            sample = LogSample(step.title, f"{step.ref.path}/{LOG}")
            self.workers.run(
                module,
                {**request, **common},
                gpus=visible_gpus(gpus),
                on_event=both,
                on_line=sample,
            )
            sample.end()
        for name in (LOG, PROGRESS):
            (folder / name).write_bytes((scratch / name).read_bytes())
        self.usage[step.ref] = total(scratch / USAGE)


@contextmanager
def untracked_run(experiment: Experiment, *, console: Console) -> Iterator[RunContext]:
    """Give a run for measurements: steps go into the store as ever, nothing is sent to MLflow."""
    workers = Workers()
    workers.warm_up()
    with Progress(console) as progress, workers:
        yield RunContext(
            experiment,
            store=open_store(),
            tracker=Tracker("", artifacts=None),
            progress=progress,
            workers=workers,
        )
