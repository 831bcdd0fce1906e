"""What the tasks of one flow run share, and how a step is built, published or skipped."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition
from typing import Any

from gner_core.config.execution import ExecutionParams
from gner_core.runtime.files import read_json
from gner_core.runtime.machine import USAGE, total
from gner_core.runtime.worker import COMPUTED_IN, PROGRESS
from gner_core.store.artifacts import ArtifactRef, Store
from tasks.progress import LogSample, Progress, logger
from tasks.steps.step import Step, refuse_provisional
from tasks.tracking.tracker import Tracker
from tasks.workers import LOG, Event, Workers


class Slots:
    """Lets a child process start while fewer than `parallel_workers` run."""

    def __init__(self) -> None:
        """Start with all slots free."""
        self._running = 0
        self._changed = Condition()

    @contextmanager
    def one_of(self, at_once: int) -> Iterator[None]:
        """Wait for a slot, and hold it."""
        with self._changed:
            self._changed.wait_for(lambda: self._running < at_once)
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()


@dataclass(frozen=True)
class Workspace:
    """What all steps of a flow run share."""

    store: Store
    progress: Progress
    workers: Workers
    slots: Slots = field(default_factory=Slots)
    work: dict[ArtifactRef, dict[str, Any]] = field(default_factory=dict)
    """Of steps with child processes: `usage` (`gner_core.runtime.machine`), and the number format
    that the model was `computed_in`."""


@dataclass(frozen=True)
class RunContext:
    """How a task runs its step, and where that is recorded; nothing here changes a result."""

    workspace: Workspace
    execution: ExecutionParams
    tracker: Tracker
    suffix: str = ""
    """Added to titles of steps, where several points of a sweep have a step of one title."""

    @property
    def store(self) -> Store:
        """The store of the flow run."""
        return self.workspace.store

    def path(self, step: Step) -> Path:
        """Return the local folder of a published step, or of a checkpoint that is kept elsewhere."""
        location = step.location
        return location if isinstance(location, Path) else self.store.fetch(location)

    def json(self, step: Step, name: str) -> Any:
        """Return the content of a JSON file of a published step."""
        return read_json(self.path(step) / name)

    def ensure(self, step: Step, build: Callable[[Path], Any]) -> bool:
        """Publish the step's artifact by `build(folder)`, unless it is published; True if it ran.

        It is built under a lock, in a folder of its own.

        Raises:
            InputError: while files that determine its key are not here.
        """
        refuse_provisional(step)
        log = logger()
        title = f"{step.kind} {step.title}{self.suffix}"
        workspace, at_once = self.workspace, self.execution.parallel_workers
        slot = workspace.slots.one_of(at_once) if step.in_worker else nullcontext()

        def tell(line: str) -> None:
            log.info("%s: %s", title, line)

        with self.store.lock(step.ref, given_up=workspace.workers.stopping, on_wait=tell):
            if self.store.has(step.ref):
                self.store.discard(step.ref)  # another machine may have finished what we began
                log.info("%s: skipped, published as %s", title, step.ref.key)
                return False
            with slot:
                log.info("%s: running", title)
                started = time.monotonic()
                facts = step.manifest_facts()
                with self.store.publish(step.ref, about=facts) as folder:
                    build(folder)
                    facts |= workspace.work.get(step.ref, {})
                self.store.discard(step.ref)
        log.info("%s: done in %.1f s", title, time.monotonic() - started)
        return True

    def child(
        self,
        step: Step,
        module: str,
        request: dict[str, Any],
        *,
        folder: Path,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        """Run a worker for a step; its log and progress go into the artifact, samples to the user."""
        scratch = self.store.unfinished(step.ref)
        threads = self.execution.threads
        common = {"output": str(folder), "scratch": str(scratch), "threads": threads}
        title = f"{step.title}{self.suffix}"
        with self.workspace.progress.bar(title) as show:

            def both(event: Event) -> None:
                show(event)
                if on_event:
                    on_event(event)

            sample = LogSample(title, f"{step.ref.path}/{LOG}")
            result = self.workspace.workers.run(
                module, {**request, **common}, on_event=both, on_line=sample
            )
            sample.end()
        for name in (LOG, PROGRESS):
            (folder / name).write_bytes((scratch / name).read_bytes())
        found = result.get("summary", {})
        known = {name: found[name] for name in (COMPUTED_IN,) if name in found}
        self.workspace.work[step.ref] = {"usage": total(scratch / USAGE), **known}
