"""The front door: fetch → prepare → adapt → zero-shot test → fine-tune → supervised test → report.

Owns the order of the steps and the frame around a run: home folder, store, tracking, summary.
`gner` is the Prefect flow of the deployments; `run_here` does the same without any server.

Example:
    outcome = run_here(experiment, console=Console())
    print(outcome.report)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from rich.console import Console

from flows.points import run_points, show_on_prefect, used_by_workers
from flows.runner import (
    FETCHES_AT_ONCE,
    TASKS_AT_ONCE,
    Submitter,
    direct_submitter,
    prefect_submitter,
)
from flows.shown import put_report
from flows.signals import ENDINGS, ended_by_signals
from flows.walk import walk
from gner_core.corpus_params import CorpusParams
from gner_core.params import Experiment
from gner_core.reports.page import with_links
from gner_core.sweep_file import read_runnable
from tasks.context import RunContext
from tasks.data import fetch_files
from tasks.home import home_folder, open_store
from tasks.launch import Workers
from tasks.plan import plan_experiment, used_corpora
from tasks.progress import Progress, logger
from tasks.results import REPORT, macro_scores
from tasks.steps import CACHE
from tasks.tracking import Tracker


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: where its report is, its scores by evaluation, where it is tracked."""

    report: Path
    scores: Mapping[str, Mapping[str, Any]]
    tracking_uri: str
    links: Mapping[str, str]
    """Addresses in MLflow by title; empty without a server."""


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
    for title, url in outcome.links.items():
        create_link_artifact(url, title, key=title.lower().replace(" ", "-"))
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
        fetch_corpora(used_corpora(experiment), submitter)
    plan = plan_experiment(experiment)
    home, store = home_folder(), open_store()
    workers = Workers()
    if any(step.in_worker and not store.has(step.ref) for step in plan.steps()):
        workers.warm_up()  # imports while corpora are prepared
    tracker = Tracker.start(
        name=experiment.name,
        params=experiment.model_dump(mode="json"),
        tags={"gner.report": plan.report.ref.key},
        home=home,
    )
    status = "FAILED"
    with ended_by_signals(), Progress(console) as progress, workers:
        run = RunContext(
            experiment, store=store, tracker=tracker, progress=progress, workers=workers
        )
        try:
            with submitter(sum(1 for _ in plan.steps())) as submit:
                try:
                    walk(plan, run, submit)
                except BaseException:
                    workers.stop()  # those of other steps end, too
                    raise
            scores = {title: macro_scores(e.score, run) for title, e in plan.evaluations.items()}
            status = "FINISHED"
        except ENDINGS:
            status = "KILLED"
            logger().warning("ending: workers write their checkpoints")
            raise
        finally:
            tracker.parent.values(used_by_workers(run))
            tracker.finish(status)
    page = (store.fetch(plan.report.ref) / REPORT).read_text(encoding="utf-8")
    shown = put_report(f"{experiment.name}.html", with_links(page, tracker.links).encode())
    return Outcome(shown, scores, tracker.shown_uri, tracker.links)


def fetch_corpora(
    corpora: Mapping[str, CorpusParams],
    submitter: Submitter,
) -> None:
    """Have the files of corpora in the cache; what is there is not fetched again."""
    with submitter(FETCHES_AT_ONCE) as submit:
        fetched = [submit(fetch_files, name, corpus, after=[]) for name, corpus in corpora.items()]
        for pending in fetched:
            pending.result()


def _markdown(experiment: Experiment, outcome: Outcome) -> str:
    lines = [
        f"# {experiment.name}",
        "",
        "| test | corpus | precision | recall | F1 |",
        "|---|---|---|---|---|",
    ]
    for title, summary in outcome.scores.items():
        for corpus, row in {**summary["corpora"], "**mean**": summary["macro"]}.items():
            cells = (f"{100 * row[name]:.1f}" for name in ("precision", "recall", "f1"))
            lines.append(f"| {title} | {corpus} | {' | '.join(cells)} |")
    found = [f"[{title}]({url})" for title, url in outcome.links.items()]
    return "\n".join([*lines, "", " · ".join([*found, f"report: `{outcome.report}`"])])
