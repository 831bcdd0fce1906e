"""The flow of the deployments `sweep/…`: one experiment times axes, or a study of several sweeps."""

from pathlib import Path

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner
from rich.console import Console

from flows.running.command import Command, named_by_command
from flows.running.points import run_points, show_on_prefect
from flows.running.publish import failing_in_one_line
from flows.running.submit import TASKS_AT_ONCE, on_prefect
from gner_core.config.experiment import Experiment
from gner_core.config.reading.sweeps import read_runnable
from gner_core.errors import InputError


@flow(
    name="sweep",
    flow_run_name=named_by_command,
    task_runner=ThreadPoolTaskRunner(max_workers=TASKS_AT_ONCE),
)
@failing_in_one_line
def sweep(params: str, overrides: list[str] | None = None) -> str:
    """Run a sweep or a study under Prefect; the run fails, in the end, when points failed.

    Args:
        params: path of the file, relative to the working directory.
        overrides: values to set, such as `base=params/tiny.yaml` or `decode.mode=free`.

    Returns:
        The paths of the pages.
    """
    command = Command(params, overrides or [])
    found = read_runnable(Path(params), overrides=command.overrides)
    if isinstance(found, Experiment):
        raise InputError(f"{params}: an experiment without axes; the flow gner runs it")
    return show_on_prefect(run_points(found, command, on_prefect, Console(quiet=True)))
