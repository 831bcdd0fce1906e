"""The front door: fetch → prepare → adapt → zero-shot test → fine-tune → supervised test → report.

Owns the order of the steps and the frame around a run: home folder, store, tracking, summary.
`gner` is the Prefect flow of the deployments; `run_here` does the same without any server.

Example:
    outcome = run_here(experiment, console=Console())
    print(outcome.report)
"""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from rich.console import Console

from flows.runner import Pending, Submit, direct, on_prefect
from flows.signals import ENDINGS, ended_by_signals
from gner_core.corpus_params import CorpusParams
from gner_core.experiment_file import read_experiment
from gner_core.params import Experiment
from gner_core.reports.page import with_links
from tasks.context import RunContext
from tasks.data import draw_sample, fetch_files, prepare_corpus
from tasks.home import home_folder, open_store
from tasks.launch import Workers
from tasks.models import generate, import_backbone, train
from tasks.plan import Plan, plan_experiment, used_corpora, validation_of
from tasks.progress import Progress, logger
from tasks.results import REPORT, macro_scores, score_predictions, write_report
from tasks.steps import CACHE
from tasks.tracking import Tracker

FETCHES_AT_ONCE = 4
TASKS_AT_ONCE = 64  # waiting for a worker costs a thread; workers are limited by the params


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
    """Run an experiment file under Prefect.

    Args:
        params: path of the experiment file, relative to the working directory.
        overrides: values to set, such as `decode.beams=4`.

    Returns:
        The path of the report.
    """
    experiment = read_experiment(Path(params), overrides=overrides or [])
    outcome = _run(experiment, lambda _: nullcontext(on_prefect), Console(quiet=True))
    create_markdown_artifact(_markdown(experiment, outcome), key=f"report-{experiment.name}")
    for title, url in outcome.links.items():
        create_link_artifact(url, title, key=title.lower().replace(" ", "-"))
    return str(outcome.report)


def run_here(experiment: Experiment, *, console: Console) -> Outcome:
    """Run an experiment in this process, without a Prefect server."""
    return _run(experiment, lambda workers: direct(workers=workers), console)


def _run(
    experiment: Experiment,
    submitter: Callable[[int], AbstractContextManager[Submit]],
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
            tracker.parent.values(_costs(run))
            tracker.finish(status)
    page = (store.fetch(plan.report.ref) / REPORT).read_text(encoding="utf-8")
    shown = _show(with_links(page, tracker.links), home / "reports" / f"{experiment.name}.html")
    return Outcome(shown, scores, tracker.shown_uri, tracker.links)


def _costs(run: RunContext) -> dict[str, float]:
    """Return what the workers of this flow run have used, summed over its steps."""
    names = {name for used in run.usage.values() for name in used}
    return {
        f"cost/{name}": sum(used.get(name, 0.0) for used in run.usage.values()) for name in names
    }


def fetch_corpora(
    corpora: Mapping[str, CorpusParams],
    submitter: Callable[[int], AbstractContextManager[Submit]],
) -> None:
    """Have the files of corpora in the cache; what is there is not fetched again."""
    with submitter(FETCHES_AT_ONCE) as submit:
        fetched = [submit(fetch_files, name, corpus, after=[]) for name, corpus in corpora.items()]
        for pending in fetched:
            pending.result()


def walk(plan: Plan, run: RunContext, submit: Submit) -> None:
    """Submit every step behind its inputs and wait for all of them."""
    corpora = {
        name: submit(prepare_corpus, step, run, after=[]) for name, step in plan.corpora.items()
    }
    samples = {
        name: submit(draw_sample, step, run, after=[corpora[corpus] for corpus in step.inputs])
        for name, step in plan.samples.items()
    }
    learned_from = [samples["adaptation"], samples["finetuning"]]
    backbone = submit(import_backbone, plan.backbone, run, after=learned_from)
    drawn = {
        title: [samples[name] for name in (title, validation_of(title)) if name in samples]
        for title in ("adaptation", "finetuning")
    }
    adapted = submit(train, plan.adaptation, run, after=[backbone, *drawn["adaptation"]])
    finetuned = submit(train, plan.finetuning, run, after=[adapted, *drawn["finetuning"]])
    tested: list[Pending] = []
    for title, evaluation in plan.evaluations.items():
        checkpoint = {"baseline": backbone, "zero-shot": adapted, "supervised": finetuned}[title]
        sentences = samples["zero-shot" if title == "zero-shot" else "supervised"]
        written = submit(generate, evaluation.generate, run, after=[checkpoint, sentences])
        scored = submit(score_predictions, evaluation.score, run, after=[written])
        tested += [written, scored]
    report = submit(write_report, plan.report, run, after=[*tested, finetuned])
    # In this order the first error to be raised is the cause, not what follows from it.
    models = [backbone, adapted, finetuned]
    for pending in (*corpora.values(), *samples.values(), *models, *tested, report):
        pending.result()


def _show(page: str, place: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.with_suffix(".part")
    aside.write_text(page, encoding="utf-8")
    os.replace(aside, place)
    return place


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
