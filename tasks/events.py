"""The event that tells a Prefect server of a new checkpoint; if it is lost, the next scan finds it."""

from prefect.context import TaskRunContext
from prefect.events import emit_event
from prefect.settings import get_current_settings

from tasks.steps.models import Train

PUBLISHED = "gner.checkpoint.published"


def announce(step: Train) -> None:
    """Tell the Prefect server around this task run that a step train has published; do not wait."""
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
