"""The steps of a file before any runs: each once, whether it is published, and what it costs.

Owns the row of a step. Does not own which points share it (`tasks.points`) or costs (`tasks.costs`).

Example:
    for planned in planned_steps(shared_steps(planned_points(found)).values(), open_store()):
        print(planned.step.title, planned.published)
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gner_core.costs.estimate import StepCost
from gner_core.params import Experiment
from gner_core.store import Store
from tasks.points import SharedStep
from tasks.steps import Step


@dataclass(frozen=True)
class PlannedStep:
    """A step of one or several experiments."""

    step: Step
    experiment: Experiment
    """The first that needs it; as far as the step goes the others say the same."""
    published: bool
    users: tuple[str, ...]
    """Labels of the experiments that need it; none where the file is one experiment."""
    cost: StepCost | None = None
    """None for steps that need no device, and where the cost is not asked for or not known."""
    note: str = ""
    """Where sentences and lengths come from, or why the cost is not known."""


def planned_steps(steps: Iterable[SharedStep], store: Store) -> list[PlannedStep]:
    """Return the rows of steps, in their order."""
    return [
        PlannedStep(
            one.step, one.experiment, store.has(one.step.ref), tuple(filter(None, one.users))
        )
        for one in steps
    ]
