"""Walks the graph of steps: each is submitted as the task of its kind, after its inputs.

Where a task runs is decided in `flows.running.submit`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prefect import Task

from flows.running.submit import Pending, Submit, Submitter
from gner_core.store.artifacts import ArtifactRef
from tasks.context import RunContext
from tasks.data import draw_sample, prepare_corpus
from tasks.models import ask, fit, generate, import_backbone, train
from tasks.reevaluation import compare_checkpoints
from tasks.results import score_predictions, write_report
from tasks.steps.data import Corpus, Sample
from tasks.steps.models import Ask, Backbone, Endpoint, Fit, Generate, Stored, Train
from tasks.steps.results import Compare, Report, Score, SweepReport
from tasks.steps.step import Step
from tasks.sweeps import write_sweep_report

TASKS: dict[type[Step], Task[..., Any]] = {
    Corpus: prepare_corpus,
    Sample: draw_sample,
    Backbone: import_backbone,
    Train: train,
    Fit: fit,
    Generate: generate,
    Ask: ask,
    Score: score_predictions,
    Compare: compare_checkpoints,
    Report: write_report,
    SweepReport: write_sweep_report,
}
"""Kind of a step → the task that has it published."""


def run_steps(steps: Iterable[Step], run: RunContext, submitter: Submitter) -> None:
    """Submit every step after its inputs and wait for all of them."""
    every = list(steps)
    with submitting(submitter, tasks=len(every), run=run) as submit:
        wait_for(every, submit_steps(every, lambda _: run, submit))


@contextmanager
def submitting(submitter: Submitter, *, tasks: int, run: RunContext) -> Iterator[Submit]:
    """Give a `Submit` for so many tasks; after an error the workers of all steps end."""
    with submitter(tasks) as submit:
        try:
            yield submit
        except BaseException:
            run.workspace.workers.stop()  # those of other steps, too: the submitter waits for them
            raise


def submit_steps(
    steps: Iterable[Step], run_of: Callable[[Step], RunContext], submit: Submit
) -> dict[ArtifactRef, Pending]:
    """Submit every step after its inputs, each key once; return what is pending.

    Args:
        steps: each after its inputs; stored checkpoints are not among them.
        run_of: returns how a step is run and recorded.
    """
    pending: dict[ArtifactRef, Pending] = {}
    for step in steps:
        if step.ref not in pending:
            made = [
                given
                for given in step.inputs().values()
                if not isinstance(given, Stored | Endpoint)
            ]
            after = [pending[given.ref] for given in made]
            pending[step.ref] = submit(
                TASKS[type(step)], step, run_of(step), after=after, in_worker=step.in_worker
            )
    return pending


def wait_for(steps: Iterable[Step], pending: Mapping[ArtifactRef, Pending]) -> None:
    """Wait for steps; raise the first error in their order: the cause, not what follows from it."""
    for step in steps:
        pending[step.ref].result()
