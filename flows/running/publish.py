"""Shows results to people: reports below GNER_HOME, checkpoints in MLflow, links and faults in Prefect."""

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

from prefect.artifacts import create_link_artifact
from prefect.states import Failed

from flows.running.outcome import PointsFailedError
from gner_core.errors import InputError, Stopped
from gner_core.reports.head import with_head
from gner_core.runtime.files import write_file
from tasks.context import RunContext
from tasks.paths import home_folder
from tasks.plans.experiment import Plan
from tasks.results import REPORT
from tasks.tracking.tracker import CHECKPOINT

SELF_EXPLAINING = (InputError, PointsFailedError)
LOGS = ("prefect.flow_runs", "prefect.task_runs")


def failing_in_one_line(flow: Callable[..., Any]) -> Callable[..., Any]:
    """Have Prefect show a fault of the input, or of points, by its message and without a traceback."""

    @wraps(flow)
    def run(*arguments: Any, **options: Any) -> Any:
        for name in LOGS:
            logging.getLogger(name).addFilter(_adds_to_the_state)
        try:
            return flow(*arguments, **options)
        except SELF_EXPLAINING as error:
            return Failed(message=str(error), data=error)

    return run


def _adds_to_the_state(record: logging.LogRecord) -> bool:
    """Say whether a line of the log has more than the message of the failed state, its own line."""
    told = (*SELF_EXPLAINING, Stopped)
    return not (record.exc_info and isinstance(record.exc_info[1], told))


def checkpoint_tags(plan: Plan) -> dict[str, str]:
    """Return the tags of a run that name its checkpoints: by stage, and the last one."""
    tags = {f"{CHECKPOINT}.{title}": step.ref.path for title, step in plan.stages.items()}
    if tags:
        tags[CHECKPOINT] = [*tags.values()][-1]
    return tags


def page_of(plan: Plan, run: RunContext, head: Mapping[str, str]) -> str:
    """Return the report of an experiment with what is known of the run in its head."""
    page = (run.path(plan.report) / REPORT).read_text(encoding="utf-8")
    checkpoints = {
        f"checkpoint {title}": run.store.objects.url(step.ref.path)
        for title, step in plan.stages.items()
    }
    return with_head(page, {**head, **checkpoints})


def put_report(name: str, content: bytes) -> Path:
    """Write a file into the folder of reports, whole or not at all; return its path."""
    path = home_folder() / "reports" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, content)
    return path


def show_links(links: Mapping[str, str]) -> None:
    """Show addresses by title as artifacts of the Prefect flow run around us."""
    for title, url in links.items():
        create_link_artifact(url, title, key=title.lower().replace(" ", "-"))
