"""Where a task runs: in the Prefect flow run around us, or in this process without a server.

Which tasks there are, and which waits for which, is decided in `flows.running.walk`.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import BoundedSemaphore, Event
from typing import Any, Protocol

from prefect import Task

from gner_core.errors import Stopped

TASKS_AT_ONCE = 64
"""Under Prefect: waiting for a worker costs a thread; workers are limited by the params."""
LIGHT_AT_ONCE = 8
"""Without Prefect: steps that compute in this process and share its interpreter."""


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
        """Return at once; `in_worker` says that a child process does most of the work."""


Submitter = Callable[[int], AbstractContextManager[Submit]]
"""Gives a `Submit` for at most so many tasks."""


@contextmanager
def on_prefect(_: int) -> Iterator[Submit]:
    """Submit to the task runner of the Prefect flow run around us, which limits the threads."""

    def submit(
        task: Task[..., Any],
        *arguments: object,
        after: Sequence[Any],
        in_worker: bool = False,  # noqa: ARG001 (all threads count)
    ) -> Pending:
        future: Pending = task.submit(*arguments, wait_for=list(after))
        return future

    yield submit


@contextmanager
def in_process(tasks: int) -> Iterator[Submit]:
    """Call the plain functions of at most so many tasks in threads of this process.

    A waiting task holds its thread. Of those that are ready, `LIGHT_AT_ONCE` run at once, and all
    whose work a child process does. After an error or a signal, running tasks are waited for and
    no other begins.
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

    with ThreadPoolExecutor(tasks) as pool:
        try:
            yield submit
        except BaseException:
            ended.set()
            raise
