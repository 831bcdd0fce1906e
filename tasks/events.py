"""Events for a Prefect server: a training has published a checkpoint.

An event is only for speed: one that is lost, since the server was away or this process was killed
before it was sent, is made up for by the next scan (`flows.reevaluate`).
"""

from prefect.context import TaskRunContext
from prefect.events import emit_event
from prefect.settings import get_current_settings

from tasks.steps.models import Train

PUBLISHED = "gner.checkpoint.published"


def announce(step: Train) -> None:
    """Tell the Prefect server that a step train has published, inside a task run of that server.

    Returns at once: the event goes the way of Prefect's own events of task runs.
    """
    if TaskRunContext.get() is None or not get_current_settings().api.url:
        return
    key = step.ref.key
    emit_event(
        PUBLISHED,
        resource={
            "prefect.resource.id": f"gner.checkpoint.{key}",
            "prefect.resource.name": f"{step.title} {key}",
        },
        payload={"checkpoint": step.ref.path, "step": key, "stage": step.title},
    )
