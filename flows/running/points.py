"""Runs the points of a sweep or a study side by side; steps that they have in common run once."""

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact
from rich.console import Console

from flows.running.command import Command
from flows.running.fetch import faults_of_fetching
from flows.running.frame import opened_run
from flows.running.outcome import PointsFailedError, PointsOutcome, cause_of
from flows.running.publish import checkpoint_tags, page_of, put_report, show_links
from flows.running.submit import Submit, Submitter
from flows.running.walk import submit_steps, submitting, wait_for
from gner_core.artifact_files import SCORES
from gner_core.config.experiment import Experiment
from gner_core.config.reading.sweeps import Study, Sweep
from gner_core.errors import InputError
from gner_core.reports import markdown
from gner_core.reports.head import with_head, with_links
from tasks.context import RunContext
from tasks.plans.experiment import plan_experiment, used_corpora
from tasks.plans.points import PlannedPoint, labelled, plan_sweep_report, shared_steps
from tasks.progress import logger
from tasks.provenance import prefect_link
from tasks.results import REPORT, figures_of
from tasks.steps.data import CACHE
from tasks.steps.results import Report, SweepReport
from tasks.steps.step import Step, refuse_unpinned
from tasks.sweeps import FILES, PAGE, table, write_sweep_report
from tasks.tracking.comparison import EXPERIMENT
from tasks.tracking.mlflow_run import FAILED, MISSING
from tasks.tracking.tracker import Tracker


@dataclass(frozen=True)
class Part:
    """A sweep with the points that could be planned, or one experiment of a study."""

    sweep: Sweep | None
    tracker: Tracker
    points: list[PlannedPoint]


@dataclass(frozen=True)
class Session:
    """What the functions of one run share."""

    run: RunContext
    submit: Submit
    outcome: PointsOutcome
    command: Command
    written: dict[Path, tuple[Tracker, Mapping[str, str]]] = field(default_factory=dict)
    """Page → the run that it shows, and its links to anything but MLflow."""


def run_points(
    found: Sweep | Study, command: Command, submitter: Submitter, console: Console
) -> PointsOutcome:
    """Run all points; those that fail do not stop the others.

    Raises:
        InputError: when no point can even be planned.
    """
    planned, causes = _plan(found, submitter)
    if not planned:
        raise next(iter(causes.values()))
    failures = {label: cause_of(error) for label, error in causes.items()}
    outcome = PointsOutcome(found.name, len(planned) + len(causes), failures)
    shared = shared_steps(planned)
    with opened_run(
        planned[0].experiment.execution,
        (one.step for one in shared.values()),
        name=command.titled(found.name),
        params=_summary(found),
        tags={**command.tags(), EXPERIMENT: found.name},
        console=console,
    ) as opened:
        run = opened.run
        with submitting(submitter, tasks=len(shared) + len(planned), run=run) as submit:
            parts = list(_parts(found, run.tracker, planned))
            session = Session(run, submit, outcome, command)
            _run_parts(parts, session)
        if outcome.failures:
            opened.ends_as = "FAILED"
    outcome.tracking_uri, outcome.links = run.tracker.mlflow.shown_uri, run.tracker.links
    _link_to_mlflow(session)
    return outcome


def show_on_prefect(outcome: PointsOutcome) -> str:
    """Show the outcome on the Prefect server; return the paths of the pages.

    Raises:
        PointsFailedError: when points failed, so that the flow run does, too.
    """
    create_markdown_artifact(_markdown(outcome), key=f"report-{outcome.name}")
    show_links(outcome.links)
    if outcome.failures:
        causes = "; ".join(f"{label}: {cause}" for label, cause in outcome.failures.items())
        raise PointsFailedError(
            f"{len(outcome.failures)} of {outcome.points} points failed; run again to go on: {causes}"
        )
    return ", ".join(str(page) for page in outcome.pages.values())


def _plan(
    found: Sweep | Study, submitter: Submitter
) -> tuple[list[PlannedPoint], dict[str, InputError]]:
    """Return the points that can be planned, and by label why the others cannot."""
    points = [
        (label, experiment, used_corpora(experiment) if experiment.data_root == CACHE else {})
        for label, experiment in labelled(found)
    ]
    corpora = {name: corpus for _, _, used in points for name, corpus in used.items()}
    unfetched = faults_of_fetching(corpora, submitter)
    planned: list[PlannedPoint] = []
    causes: dict[str, InputError] = {}
    for label, experiment, used in points:
        try:
            for name in used:
                if name in unfetched:
                    raise unfetched[name]
            plan = plan_experiment(experiment)
            refuse_unpinned(plan.steps())
            planned.append(PlannedPoint(label, experiment, plan))
        except InputError as error:
            causes[label] = error
    return planned, causes


def _parts(
    found: Sweep | Study, tracker: Tracker, planned: Sequence[PlannedPoint]
) -> Iterator[Part]:
    """Yield sweeps and single experiments with their points; a sweep of a study has its own run."""
    by_name = {point.experiment.name: point for point in planned}
    for part in found.parts if isinstance(found, Study) else [found]:
        if isinstance(part, Experiment):
            yield Part(None, tracker, [by_name[part.name]] if part.name in by_name else [])
            continue
        above = tracker
        if isinstance(found, Study):
            key = uuid.uuid4().hex
            above = tracker.below(
                tracker.step_run(part.name, key=key, kind="sweep", params=_summary(part))
            )
        names = [point.experiment.name for point in part.points]
        yield Part(part, above, [by_name[name] for name in names if name in by_name])


def _run_parts(parts: Sequence[Part], session: Session) -> None:
    """Submit the steps of all parts, then wait for their points one by one."""
    trackers = {
        point.label: part.tracker.below(
            part.tracker.step_run(
                point.experiment.name,
                key=point.plan.report.ref.key,
                kind="point",
                params=_params_of(point, part.sweep),
                reuse_as=point.experiment.name,
            )
        )
        for part in parts
        for point in part.points
    }
    shared = shared_steps(point for part in parts for point in part.points)

    def run_of(step: Step) -> RunContext:
        one = shared[step.ref]
        several = f"{len(one.users)} points" if len(one.users) > 1 else one.users[0]
        suffix = "" if isinstance(step, Report) else f" ({several})"
        return RunContext(session.run.workspace, one.execution, trackers[one.users[0]], suffix)

    pending = submit_steps((one.step for one in shared.values()), run_of, session.submit)
    for part in parts:
        pages = {}
        for point in part.points:
            tracker = trackers[point.label]
            try:
                wait_for(point.plan.steps(), pending)
            except Exception as error:  # noqa: BLE001 (whatever a step raises: the others go on)
                cause = session.outcome.failures[point.label] = cause_of(error)
                logger().warning("%s: failed: %s", point.label, cause)
                tracker.parent.tags({FAILED: cause})
                tracker.parent.end("FAILED")
            else:
                pages[point.experiment.name] = _finish(point, part.sweep, session, tracker)
        if part.sweep:
            _end_sweep(part.sweep, part, pages, session)
        else:
            session.outcome.pages.update(pages)


def _finish(point: PlannedPoint, sweep: Sweep | None, session: Session, tracker: Tracker) -> Path:
    """Log the results of a point, also where another point ran its steps; return its report."""
    plan, run = point.plan, session.run
    for title, score in plan.tests.items():
        tracker.parent.values(figures_of(title, run.json(score, SCORES)))
    tracker.parent.tags({"gner.report": plan.report.ref.key, **checkpoint_tags(plan)})
    page = page_of(plan, run, {**session.command.head(), "point": point.label})
    tracker.parent.text(REPORT, page)
    tracker.parent.complete()
    above = {}
    if sweep:
        above = {f"sweep {sweep.name}": f"{session.command.file_name(sweep.name)}.html"}
    return _put_page(point.experiment.name, page, session, tracker, links=above)


def _put_page(
    name: str, page: str, session: Session, tracker: Tracker, *, links: Mapping[str, str]
) -> Path:
    """Write the page of a point or of a sweep into the folder of reports; return its path."""
    known = {**links, **prefect_link()}
    file = f"{session.command.file_name(name)}.html"
    path = put_report(file, with_links(page, known).encode())
    session.written[path] = tracker, known
    return path


def _link_to_mlflow(session: Session) -> None:
    """Put links to the runs in MLflow into all pages: they are known when all is sent."""
    whole = session.run.tracker
    for path, (tracker, links) in session.written.items():
        in_mlflow = whole.links if tracker is whole else tracker.own_link()
        page = with_links(path.read_text(encoding="utf-8"), {**in_mlflow, **links})
        put_report(path.name, page.encode())


def _end_sweep(sweep: Sweep, part: Part, done: Collection[str], session: Session) -> None:
    """Write the report of a sweep over the experiments that are done; end its run."""
    plans = {point.experiment.name: point.plan for point in part.points}
    rows = [
        (one, plans[one.experiment.name]) for one in sweep.points if one.experiment.name in done
    ]
    missing = [one.label for one in sweep.points if one.experiment.name not in done]
    if rows:
        try:
            _report(plan_sweep_report(sweep, rows, missing=missing), session, part.tracker)
        except Exception as error:  # noqa: BLE001 (the other sweeps of a study go on)
            session.outcome.failures[f"{sweep.name}, its report"] = cause_of(error)
            missing.append("its report")
    if missing:
        part.tracker.parent.tags({MISSING: "; ".join(missing)})
    if part.tracker is not session.run.tracker:
        part.tracker.parent.end("FAILED" if missing else "FINISHED")


def _report(step: SweepReport, session: Session, tracker: Tracker) -> None:
    """Have the report of a sweep published, and show it."""
    run = RunContext(session.run.workspace, session.run.execution, tracker)
    session.submit(write_sweep_report, step, run, after=[]).result()
    name = session.command.file_name(step.title)
    page = (run.path(step) / PAGE).read_text(encoding="utf-8")
    for row in step.rows:
        point = row.shown["name"]
        page = page.replace(f'"{point}.html"', f'"{session.command.file_name(point)}.html"')
    shown = with_head(page, session.command.head())
    session.outcome.pages[step.title] = _put_page(step.title, shown, session, tracker, links={})
    for file in FILES:
        put_report(f"{name}{Path(file).suffix}", (run.path(step) / file).read_bytes())
    session.outcome.tables[step.title] = table(step, run)


def _summary(found: Sweep | Study) -> dict[str, str]:
    """Return the params of the run of a sweep or a study in MLflow."""
    if isinstance(found, Study):
        return {"parts": ", ".join(part.name for part in found.parts)}
    params = found.params
    axes = {f"axis.{name}": ", ".join(values) for name, values in params.axes.items()}
    return {
        "base": params.base or "",
        "figure": params.figure,
        "show": ", ".join(params.show),
        **axes,
    }


def _params_of(point: PlannedPoint, sweep: Sweep | None) -> dict[str, Any]:
    """Return the params of the run of a point: its labels, and all values but the catalog's."""
    labels: Mapping[str, str] = {}
    if sweep:
        name = point.experiment.name
        labels = next(one.labels for one in sweep.points if one.experiment.name == name)
    values = point.experiment.values()
    return {**{f"axis.{axis}": label for axis, label in labels.items()}, **values}


def _markdown(outcome: PointsOutcome) -> str:
    parts = [f"# {markdown.text(outcome.name)}"]
    for name, rows in outcome.tables.items():
        head = [markdown.text(column) for column in rows[0]]
        cells = [[*map(markdown.text, row.values())] for row in rows]
        parts += [f"## {markdown.text(name)}", markdown.table(head, cells)]
    failed = [
        f"- failed: {markdown.text(f'{label}: {why}')}" for label, why in outcome.failures.items()
    ]
    pages = [f"- page: `{page}`" for page in outcome.pages.values()]
    return markdown.joined([*parts, "\n".join([*failed, *pages])])
