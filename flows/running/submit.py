"""Two ways to run the same tasks: inside a Prefect flow run, or in this process without a server."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import BoundedSemaphore, Event
from typing import Any, Protocol

from prefect import Task
from prefect.runtime import flow_run

from gner_core.errors import Stopped

TASKS_AT_ONCE = 64  # waiting for a worker costs a thread; workers are limited by the params
LIGHT_AT_ONCE = 8  # steps that compute in this process without Prefect, and share its interpreter


class Pending(Protocol):
    """A task that was submitted."""

    def result(self) -> Any:
        """Wait for the task; return its result or raise its error."""


class Submit(Protocol):
    """Starts a task as soon as the tasks of `after` are done."""

    def __call__(
        self,
        task: Task[..., Any],
        *arguments: object,
        after: Sequence[Any],
        in_worker: bool = False,
    ) -> Pending:
        """Return at once.

        `in_worker` says that a child process does the work, so that little runs in this one.
        """


Submitter = Callable[[int], AbstractContextManager[Submit]]
"""Gives a `Submit` for so many steps."""


def on_prefect(
    task: Task[..., Any],
    *arguments: object,
    after: Sequence[Any],
    in_worker: bool = False,  # noqa: ARG001 (its threads are limited, whatever they do)
) -> Pending:
    """Submit to the task runner of the Prefect flow run around us."""
    future: Pending = task.submit(*arguments, wait_for=list(after))
    return future


@contextmanager
def direct(*, workers: int) -> Iterator[Submit]:
    """Give a `Submit` that calls the tasks' plain functions in threads of this process.

    `workers` must be at least the number of steps, since a waiting step holds its thread. Of those
    that are ready, `LIGHT_AT_ONCE` run at once, and all that a child process does. After an error or
    a signal only those that run are waited for; no other begins.
    """
    slots, ended = BoundedSemaphore(LIGHT_AT_ONCE), Event()

    def begin(
        slot: AbstractContextManager[Any],
        after: Sequence[Any],
        task: Task[..., Any],
        *arguments: object,
    ) -> Any:
        for pending in after:
            pending.result()
        with slot:
            if ended.is_set():
                raise Stopped(f"{task.name} was not begun")
            return task.fn(*arguments)

    def submit(
        task: Task[..., Any], *arguments: object, after: Sequence[Any], in_worker: bool = False
    ) -> Pending:
        return pool.submit(begin, nullcontext() if in_worker else slots, after, task, *arguments)

    with ThreadPoolExecutor(workers) as pool:
        try:
            yield submit
        except BaseException:
            ended.set()
            raise


def prefect_submitter(_: int) -> AbstractContextManager[Submit]:
    """Give the `Submit` of the Prefect flow run around us; its task runner limits the threads."""
    return nullcontext(on_prefect)


def direct_submitter(steps: int) -> AbstractContextManager[Submit]:
    """Give a `Submit` of this process for so many steps."""
    return direct(workers=steps)


def named_by_file() -> str:
    """Return a name for the Prefect flow run around us: that of its file of parameters."""
    return Path(flow_run.get_parameters()["params"]).stem
