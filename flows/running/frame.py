"""What surrounds every run: its workers, its progress bars, its run in MLflow, and how it ends.

After a signal or an error, the workers write their checkpoints, and MLflow gets the status of the
run and what the workers have used.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from flows.running.outcome import cause_of
from flows.running.signals import ENDINGS, ended_by_signals
from gner_core.config.execution import ExecutionParams
from gner_core.runtime.priority import take_priority
from gner_core.store.artifacts import ArtifactRef
from gner_core.store.usage import using
from tasks.context import RunContext, Workspace
from tasks.paths import made_home, open_store
from tasks.progress import Progress, logger
from tasks.steps.step import Step
from tasks.tracking.mlflow_run import DESCRIPTION, FAILED
from tasks.tracking.tracker import Tracker
from tasks.workers import Workers


@dataclass
class OpenedRun:
    """A run inside its frame."""

    run: RunContext
    ends_as: str = "FINISHED"
    """Its status in MLflow, if neither an error nor a signal ends it."""


@contextmanager
def opened_run(
    execution: ExecutionParams,
    steps: Iterable[Step],
    *,
    name: str,
    params: Mapping[str, Any],
    tags: Mapping[str, str],
    console: Console,
) -> Iterator[OpenedRun]:
    """Give a tracked run; it and its workers end with the block, also after an error.

    Args:
        execution: how steps are run that are given nothing else.
        steps: those that may run; workers start at once if one of them needs a worker.
        name: of the run in MLflow, with its `params` and `tags`.
        console: for progress bars.
    """
    take_priority()
    home, store, workers, every = made_home(), open_store(), Workers(), list(steps)
    if any(step.in_worker and not store.has(step.ref) for step in every):
        workers.start_server()  # imports while corpora are prepared
    tracker = Tracker.start(name=name, params=params, tags=tags, home=home)
    status, used = "FAILED", using(store, _needed(every))
    with ended_by_signals(), used, Progress(console) as progress, workers:
        run = RunContext(Workspace(store, progress, workers), execution, tracker)
        opened = OpenedRun(run)
        try:
            yield opened
            status = opened.ends_as
        except ENDINGS:
            status = "KILLED"
            logger().warning("ending: workers write their checkpoints")
            raise
        except Exception as error:
            cause = cause_of(error)
            told = f"{tags[DESCRIPTION]}\n\nFailed: {cause}"
            tracker.parent.tags({FAILED: cause, DESCRIPTION: told})
            raise
        finally:
            tracker.parent.values(_used_by_workers(run))
            tracker.finish(status)


def _needed(steps: Iterable[Step]) -> Iterator[ArtifactRef]:
    """Yield the artifacts that steps make or read."""
    for step in steps:
        yield step.ref
        locations = (given.location for given in step.inputs().values())
        yield from (one for one in locations if isinstance(one, ArtifactRef))


def _used_by_workers(run: RunContext) -> dict[str, float]:
    """Return what the workers have used, summed over the steps."""
    usage = [work["usage"] for work in run.workspace.work.values()]
    names = {name for used in usage for name in used}
    return {f"cost/{name}": sum(used.get(name, 0.0) for used in usage) for name in names}
