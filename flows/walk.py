"""Submits steps as tasks, each behind its inputs.

Owns which task runs a step of which kind, and the order that follows from the inputs. Does not own
what happens around a run (`flows.gner`, `flows.points`).

Example:
    walk(plan, run, submit)
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prefect import Task

from flows.runner import Pending, Submit
from gner_core.store import ArtifactRef
from tasks.context import RunContext
from tasks.data import draw_sample, prepare_corpus
from tasks.models import generate, import_backbone, train
from tasks.plan import Plan
from tasks.results import score_predictions, write_report
from tasks.steps import Step

TASKS: dict[str, Task[..., Any]] = {
    "corpus": prepare_corpus,
    "sample": draw_sample,
    "backbone": import_backbone,
    "train": train,
    "generate": generate,
    "score": score_predictions,
    "report": write_report,
}
"""Kind of a step → the task that has it published."""


def walk(plan: Plan, run: RunContext, submit: Submit) -> None:
    """Submit every step of an experiment behind its inputs and wait for all of them."""
    wait_for(plan.steps(), submit_steps(plan.steps(), lambda _: run, submit))


def submit_steps(
    steps: Iterable[Step], run_of: Callable[[Step], RunContext], submit: Submit
) -> dict[ArtifactRef, Pending]:
    """Submit every step behind its inputs, each key once; return what is pending.

    Args:
        steps: each behind its inputs, except those that are kept elsewhere and so are there.
        run_of: the run in which a step is done.
    """
    pending: dict[ArtifactRef, Pending] = {}
    for step in steps:
        if step.ref not in pending:
            made = [given for given in step.inputs.values() if given.place is None]
            after = [pending[given.ref] for given in made]
            pending[step.ref] = submit(TASKS[step.kind], step, run_of(step), after=after)
    return pending


def wait_for(steps: Iterable[Step], pending: Mapping[ArtifactRef, Pending]) -> None:
    """Wait for steps; the first error in their order is raised: the cause, not what follows."""
    for step in steps:
        pending[step.ref].result()
