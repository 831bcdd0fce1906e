"""What is finished of a study, from the store into its record."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gner_core.config.experiment import Experiment
from gner_core.config.reading.results import ResultsFile, read_study
from gner_core.config.reading.sweeps import Sweep, SweepPoint
from gner_core.config.scoring import BootstrapParams
from gner_core.config.studies.results import ShownStudy
from gner_core.errors import InputError
from gner_core.reports.results.files import record_file
from gner_core.reports.results.record import (
    Environment,
    PointRecord,
    ScoreRecord,
    StepRecord,
    StudyRecord,
    merged,
    read_record,
    text_of,
)
from gner_core.reports.sweep.differences import figures_of
from gner_core.runtime.files import write_file
from gner_core.store.artifacts import ArtifactRef, Store
from tasks.plans.experiment import Plan, plan_experiment
from tasks.plans.points import shown_point
from tasks.standalone.results.counts import KINDS, counts_of
from tasks.standalone.results.manifests import made
from tasks.steps.results import Score
from tasks.steps.step import Step, refuse_provisional


@dataclass(frozen=True, slots=True)
class InStore:
    """What a store has of a study."""

    record: StudyRecord
    keys: Mapping[str, Mapping[str, str]]
    """Name of each planned point → test → the step of its score."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What is kept of a study now."""

    record: StudyRecord | None
    """None where nothing of it is finished."""
    why: str = ""
    """Why nothing was read from the store: the study cannot be planned here, or is planned otherwise."""


def export(
    file: ResultsFile, shown: ShownStudy, store: Store, *, overrides: Sequence[str]
) -> Exported:
    """Write what the store has of a study, with what is kept of it already.

    Raises:
        InputError: for a study that cannot be read, and where what is kept comes from other steps
            than are planned now.
    """
    path = record_file(file, shown)
    kept, study = read_record(path), read_study(file, shown, overrides=overrides)
    try:
        found = read_store(study, shown, store)
    except InputError as fault:  # its corpora, or its model, are elsewhere
        return Exported(kept, why=str(fault))
    if not found.record.points:
        others = kept is not None and any(
            one.keys() != found.keys.get(one.name) for one in kept.points
        )
        return Exported(kept, why="kept from other steps than the file plans now" if others else "")
    try:
        record = merged(kept, found.record, found.keys)
    except InputError as error:
        raise InputError(f"{path}: {error}; delete it to begin anew") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, text_of(record))
    return Exported(record)


def read_store(found: Experiment | Sweep, shown: ShownStudy, store: Store) -> InStore:
    """Return the finished points of a study: all their tests that are shown are published.

    Raises:
        InputError: for a study that cannot be planned here, as where its corpora are missing.
    """
    sweep = found if isinstance(found, Sweep) else None
    points = found.points if isinstance(found, Sweep) else [SweepPoint({}, found)]
    keys: dict[str, dict[str, str]] = {}
    done: list[PointRecord] = []
    steps: dict[str, StepRecord] = {}
    environments: dict[str, Environment] = {}
    for point in points:
        plan = plan_experiment(point.experiment)
        scores = {test: plan.tests[test] for test in shown.tests()}
        for score in scores.values():
            refuse_provisional(score)
        keys[point.experiment.name] = {test: score.ref.path for test, score in scores.items()}
        if not all(store.has(score.ref) for score in scores.values()):
            continue
        needed = _needed(scores.values(), store)
        for ref in needed:
            steps[ref.path], environment = made(ref, store)
            environments.setdefault(steps[ref.path].environment, environment)
        about = shown_point(sweep, point, plan)
        names = ("labels", "name", "parameters", "series", "x", "x_label")
        done.append(
            PointRecord(
                **{name: about[name] for name in names},
                model=about["place"]["backbone"],
                steps=tuple(ref.path for ref in needed),
                tests={test: _test(plan, test, shown, store) for test in scores},
            )
        )
    scoring, params = points[0].experiment.scoring, sweep.params if sweep else None
    record = StudyRecord(
        study=shown.name,
        axes=tuple(a for a in params.axes if a != params.seeds) if params else (),
        seeds=params.seeds if params else None,
        figure=params.figure if params else "table",
        scoring=BootstrapParams(**{n: getattr(scoring, n) for n in BootstrapParams.model_fields}),
        planned=tuple(dict(point.labels) for point in points),
        points=tuple(done),
        steps=steps,
        environments=environments,
    )
    return InStore(record, keys)


def _needed(scores: Iterable[Score], store: Store) -> list[ArtifactRef]:
    """Return the steps with a model behind some scores, and the scores, as far as the store has them."""
    found: dict[ArtifactRef, None] = {}

    def add(step: Step) -> None:
        for below in step.inputs().values():
            add(below)
        if (step.in_worker or isinstance(step, Score)) and store.has(step.ref):
            found[step.ref] = None

    for score in scores:
        add(score)
    return list(found)


def _test(plan: Plan, test: str, shown: ShownStudy, store: Store) -> ScoreRecord:
    """Return what is counted in a test."""
    figures = figures_of(test, shown.scores())
    experiment = plan.report.experiment
    return ScoreRecord(
        score=plan.tests[test].ref.path,
        split=experiment.tests[test].data.split,
        **counts_of(
            plan.tests[test].ref,
            store,
            kinds={"pair", *(KINDS[figure] for figure in figures if figure in KINDS)},
            by_type=test in shown.by_type,
            bins=experiment.scoring.confidence_bins,
        ),
    )
