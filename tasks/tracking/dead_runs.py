"""Runs in MLflow that a killed process of this machine left open."""

from typing import TYPE_CHECKING

from gner_core.runtime.processes import UNKNOWN, has_died, this_process
from tasks.tracking.mlflow_run import COMPLETE
from tasks.tracking.server import TrackingStore

if TYPE_CHECKING:
    from mlflow.entities import Run

PROCESS = "gner.process"
"""The tag with the process that logs to a run, see `gner_core.runtime.processes`."""
RUNNING = "RUNNING"


def close_dead_runs(mlflow: TrackingStore) -> None:
    """End the runs whose process has died, as KILLED if they are not complete.

    All that is known of the time of their end is that of their last point.
    """
    for left in mlflow.runs(f"attributes.status = '{RUNNING}'"):
        if not has_died(left.data.tags.get(PROCESS, UNKNOWN)):
            continue
        status = "FINISHED" if left.data.tags.get(COMPLETE) == "yes" else "KILLED"
        run_id = left.info.run_id
        points = [
            point.timestamp
            for name in left.data.metrics
            for point in mlflow.client.get_metric_history(run_id, name)
        ]
        mlflow.client.set_terminated(run_id, status, max([left.info.start_time, *points]))


def is_free(run: "Run") -> bool:
    """Say whether this process may log to a run that is there."""
    owner = run.data.tags.get(PROCESS, UNKNOWN)
    return run.info.status != RUNNING or owner == this_process() or has_died(owner)
