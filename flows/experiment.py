"""One experiment: fetch → prepare → its training stages → its tests → report.

`gner` is the Prefect flow of the deployments; `run_here` does the same without any server.
"""

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.task_runners import ThreadPoolTaskRunner
from rich.console import Console

from flows.running.command import Command, named_by_command
from flows.running.fetch import fetch_corpora
from flows.running.frame import opened_run
from flows.running.outcome import Outcome
from flows.running.points import run_points, show_on_prefect
from flows.running.publish import (
    checkpoint_tags,
    failing_in_one_line,
    page_of,
    put_report,
    show_links,
)
from flows.running.submit import TASKS_AT_ONCE, Submitter, in_process, on_prefect
from flows.running.walk import run_steps
from gner_core.artifact_files import SCORES
from gner_core.config.experiment import Experiment
from gner_core.config.reading.sweeps import read_runnable
from gner_core.reports.head import with_links
from gner_core.reports.markdown import joined, table, text
from gner_core.scoring.metrics.tally import RATIOS
from tasks.plans.experiment import plan_experiment, used_corpora
from tasks.provenance import prefect_link
from tasks.results import REPORT, figures_of
from tasks.steps.step import refuse_unpinned
from tasks.tracking.comparison import EXPERIMENT


@flow(
    name="gner",
    flow_run_name=named_by_command,
    task_runner=ThreadPoolTaskRunner(max_workers=TASKS_AT_ONCE),
)
@failing_in_one_line
def gner(params: str, overrides: list[str] | None = None) -> str:
    """Run the file of an experiment, a sweep or a study under Prefect.

    Args:
        params: path of the file, relative to the working directory.
        overrides: values to set, such as `decode.beams=4`.

    Returns:
        The path of the report; of a sweep or a study the paths of its pages.
    """
    command = Command(params, overrides or [])
    experiment = read_runnable(Path(params), overrides=command.overrides)
    console = Console(quiet=True)
    if not isinstance(experiment, Experiment):
        return show_on_prefect(run_points(experiment, command, on_prefect, console))
    outcome = _run(experiment, command, on_prefect, console)
    create_markdown_artifact(
        _markdown(command.titled(experiment.name), outcome), key=f"report-{experiment.name}"
    )
    show_links(outcome.links)
    return str(outcome.report)


def run_here(experiment: Experiment, command: Command, *, console: Console) -> Outcome:
    """Run an experiment in this process, without a Prefect server."""
    return _run(experiment, command, in_process, console)


def _run(
    experiment: Experiment, command: Command, submitter: Submitter, console: Console
) -> Outcome:
    fetch_corpora(used_corpora(experiment), experiment.data_root, submitter)
    plan = plan_experiment(experiment)
    refuse_unpinned(plan.steps())
    with opened_run(
        experiment.execution,
        plan.steps(),
        name=command.titled(experiment.name),
        params=experiment.values(),
        tags={**command.tags(), EXPERIMENT: experiment.name},
        console=console,
    ) as opened:
        run, tracker = opened.run, opened.run.tracker
        run_steps(plan.steps(), run, submitter)
        scores = {title: run.json(score, SCORES) for title, score in plan.tests.items()}
        for title, summary in scores.items():  # also of tests that share a step
            tracker.parent.values(figures_of(title, summary))
        page = page_of(plan, run, command.head())
        tracker.parent.text(REPORT, page)
        tracker.parent.tags({"gner.report": plan.report.ref.key, **checkpoint_tags(plan)})
    name = f"{command.file_name(experiment.name)}.html"
    links = {**tracker.links, **prefect_link()}
    report = put_report(name, with_links(page, links).encode())
    checkpoints = {title: step.ref for title, step in plan.stages.items()}
    return Outcome(report, scores, checkpoints, tracker.mlflow.shown_uri, tracker.links)


def _markdown(title: str, outcome: Outcome) -> str:
    rows = []
    for test, summary in outcome.scores.items():
        named = [(text(name), row) for name, row in summary["corpora"].items()]
        for corpus, row in [*named, ("**mean**", summary["macro"])]:
            ratios = (f"{100 * row[name]:.1f}" for name in RATIOS)
            rows.append([text(test), corpus, *ratios])
    scores = table(["test", "corpus", *RATIOS], rows, texts=(0, 1))
    links = [f"[{name}]({url})" for name, url in outcome.links.items()]
    return joined([f"# {text(title)}", scores, " · ".join([*links, f"report: `{outcome.report}`"])])
