"""Two ways to run the same tasks: inside a Prefect flow run, or in this process without a server."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from prefect import Task
from prefect.runtime import flow_run

TASKS_AT_ONCE = 64  # waiting for a worker costs a thread; workers are limited by the params


class Pending(Protocol):
    """A task that was submitted."""

    def result(self) -> Any:
        """Wait for the task; return its result or raise its error."""


class Submit(Protocol):
    """Starts a task as soon as the tasks of `after` are done."""

    def __call__(self, task: Task[..., Any], *arguments: object, after: Sequence[Any]) -> Pending:
        """Return at once."""


Submitter = Callable[[int], AbstractContextManager[Submit]]
"""Gives a `Submit` for so many steps."""


def on_prefect(task: Task[..., Any], *arguments: object, after: Sequence[Any]) -> Pending:
    """Submit to the task runner of the Prefect flow run around us."""
    future: Pending = task.submit(*arguments, wait_for=list(after))
    return future


@contextmanager
def direct(*, workers: int) -> Iterator[Submit]:
    """Give a `Submit` that calls the tasks' plain functions in threads of this process.

    `workers` must be at least the number of steps, since a waiting step holds its thread.
    """
    with ThreadPoolExecutor(workers) as pool:

        def submit(task: Task[..., Any], *arguments: object, after: Sequence[Any]) -> Pending:
            return pool.submit(_after, after, task.fn, *arguments)

        yield submit


def prefect_submitter(_: int) -> AbstractContextManager[Submit]:
    """Give the `Submit` of the Prefect flow run around us; its task runner limits the threads."""
    return nullcontext(on_prefect)


def direct_submitter(steps: int) -> AbstractContextManager[Submit]:
    """Give a `Submit` of this process for so many steps."""
    return direct(workers=steps)


def named_by_file() -> str:
    """Return a name for the Prefect flow run around us: that of its file of parameters."""
    return Path(flow_run.get_parameters()["params"]).stem


def _after(before: Sequence[Any], function: Callable[..., Any], *arguments: object) -> Any:
    for pending in before:
        pending.result()
    return function(*arguments)
