"""The steps of one or many experiments before any runs: each once, and whether it is published.

Owns which experiments share a step. Does not own what it costs (`tasks.costs`).

Example:
    for planned in planned_steps([("", experiment, plan)], open_store()):
        print(planned.step.title, planned.published)
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gner_core.costs.estimate import StepCost
from gner_core.params import Experiment
from gner_core.store import Store
from tasks.plan import Plan
from tasks.steps import Step

Point = tuple[str, Experiment, Plan]
"""Label, experiment and plan; the label names the experiment where there are several."""


@dataclass(frozen=True)
class PlannedStep:
    """A step of one or several experiments."""

    step: Step
    experiment: Experiment
    """The first that needs it; as far as the step goes the others say the same."""
    published: bool
    points: tuple[str, ...]
    """Labels of the experiments that need it."""
    cost: StepCost | None = None
    """None for steps that need no device, and where the cost is not asked for or not known."""
    note: str = ""
    """Where sentences and lengths come from, or why the cost is not known."""


def planned_steps(points: Iterable[Point], store: Store) -> list[PlannedStep]:
    """Return every step of all experiments once, in an order in which they can run."""
    found: dict[str, PlannedStep] = {}
    for label, experiment, plan in points:
        for step in plan.steps():
            known = found.get(step.ref.path)
            if known is None:
                published = store.has(step.ref)
                found[step.ref.path] = PlannedStep(step, experiment, published, (label,))
            elif label not in known.points:
                found[step.ref.path] = replace(known, points=(*known.points, label))
    return list(found.values())
