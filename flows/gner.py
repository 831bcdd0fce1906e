"""The front door: fetch → prepare → adapt → zero-shot test → fine-tune → supervised test → report.

Owns the order of the steps and the frame around a run: home folder, store, tracking, summary.
`gner` is the Prefect flow of the deployments; `run_here` does the same without any server.

Example:
    outcome = run_here(experiment, console=Console())
    print(outcome.report)
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from rich.console import Console

from flows.points import FETCHES_AT_ONCE, TASKS_AT_ONCE, run_points, show_on_prefect
from flows.provenance import provenance
from flows.runner import Submitter, direct_submitter, prefect_submitter
from flows.walk import submit_steps, wait_for
from gner_core.params import Experiment
from gner_core.store import Store
from gner_core.sweep_file import read_runnable
from tasks.context import RunContext
from tasks.data import fetch_files
from tasks.home import home_folder, open_store
from tasks.launch import Workers
from tasks.plan import Plan, plan_experiment, used_corpora
from tasks.progress import Progress
from tasks.results import REPORT, macro_scores
from tasks.steps import CACHE
from tasks.tracking import Tracker


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: where its report is, its scores by evaluation, where it is tracked."""

    report: Path
    scores: Mapping[str, Mapping[str, Any]]
    tracking_uri: str


def _run_name() -> str:
    """Name a flow run after its experiment file."""
    return Path(flow_run.get_parameters()["params"]).stem


@flow(
    name="gner",
    flow_run_name=_run_name,
    task_runner=ThreadPoolTaskRunner(max_workers=TASKS_AT_ONCE),
)
def gner(params: str, overrides: list[str] | None = None) -> str:
    """Run the file of an experiment, a sweep or a study under Prefect.

    Args:
        params: path of the file, relative to the working directory.
        overrides: values to set, such as `decode.beams=4`.

    Returns:
        The path of the report; of a sweep or a study the paths of its pages.
    """
    experiment = read_runnable(Path(params), overrides=overrides or [])
    if not isinstance(experiment, Experiment):
        return show_on_prefect(run_points(experiment, prefect_submitter, Console(quiet=True)))
    outcome = _run(experiment, prefect_submitter, Console(quiet=True))
    create_markdown_artifact(_markdown(experiment, outcome), key=f"report-{experiment.name}")
    return str(outcome.report)


def run_here(experiment: Experiment, *, console: Console) -> Outcome:
    """Run an experiment in this process, without a Prefect server."""
    return _run(experiment, direct_submitter, console)


def _run(
    experiment: Experiment,
    submitter: Submitter,
    console: Console,
) -> Outcome:
    if experiment.data_root == CACHE:  # first: keys need the hashes of files without a pin
        fetch_corpora(experiment, submitter)
    plan = plan_experiment(experiment)
    home, store = home_folder(), open_store()
    workers = Workers()
    if any(step.in_worker and not store.has(step.ref) for step in plan.steps()):
        workers.warm_up()  # imports while corpora are prepared
    tracker = Tracker.start(
        name=experiment.name,
        params=experiment.model_dump(mode="json"),
        tags={"gner.report": plan.report.ref.key, **provenance()},
        home=home,
    )
    status = "FAILED"
    with Progress(console) as progress, workers:
        run = RunContext(
            experiment, store=store, tracker=tracker, progress=progress, workers=workers
        )
        try:
            with submitter(sum(1 for _ in plan.steps())) as submit:
                try:
                    steps = list(plan.steps())
                    wait_for(steps, submit_steps(steps, lambda _: run, submit))
                except BaseException:
                    workers.stop()  # those of other steps end, too
                    raise
            outcome = _outcome(plan, run, store, home)
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            tracker.finish(status)
    return outcome


def fetch_corpora(experiment: Experiment, submitter: Submitter) -> None:
    """Have the files of all corpora in the cache; what is there is not fetched again."""
    with submitter(FETCHES_AT_ONCE) as submit:
        corpora = used_corpora(experiment).items()
        fetched = [submit(fetch_files, name, corpus, after=[]) for name, corpus in corpora]
        for pending in fetched:
            pending.result()


def _outcome(plan: Plan, run: RunContext, store: Store, home: Path) -> Outcome:
    shown = home / "reports" / f"{run.experiment.name}.html"
    shown.parent.mkdir(parents=True, exist_ok=True)
    aside = shown.with_suffix(".part")
    shutil.copyfile(store.fetch(plan.report.ref) / REPORT, aside)
    os.replace(aside, shown)
    scores = {title: macro_scores(e.score, run) for title, e in plan.evaluations.items()}
    return Outcome(shown, scores, run.tracker.uri)


def _markdown(experiment: Experiment, outcome: Outcome) -> str:
    lines = [f"# {experiment.name}", "", "| test | precision | recall | F1 |", "|---|---|---|---|"]
    for title, summary in outcome.scores.items():
        macro = summary["macro"]
        cells = (f"{100 * macro[name]:.1f}" for name in ("precision", "recall", "f1"))
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"Report: `{outcome.report}`"])
