"""New checkpoints: each is evaluated once on the fixed test sets and compared with the champion.

Owns the order: find → evaluate → decide → show. `evaluate` and `scan` are Prefect flows, for an
event that names a checkpoint and for a schedule that finds what no event told of; `reevaluate_here`
does the same without any server. Whether a checkpoint was evaluated says the store, whether it was
compared says the registry: asking twice changes nothing.

Example:
    rows = reevaluate_here(params, names=["train/4f6c…"], console=Console())
    print_table(table_rows(rows), title=title_of(params))
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.task_runners import ThreadPoolTaskRunner
from rich.console import Console

from flows.running.fetch import fetch_corpora
from flows.running.frame import opened_run, submitting
from flows.running.submit import TASKS_AT_ONCE, Submitter, direct_submitter, prefect_submitter
from flows.running.walk import submit_steps, wait_for
from flows.views.reevaluate import Row, raise_faults, table_rows, title_of
from gner_core.config.reading.files import read_reevaluation
from gner_core.config.reevaluation import Reevaluation
from gner_core.errors import InputError
from gner_core.store.artifacts import ArtifactRef, Store
from gner_core.store.fingerprint import fingerprint
from tasks.champion import Decision, Judge, decision_of
from tasks.checkpoints.identity import Checkpoint, distinct, named
from tasks.checkpoints.registry import Registry, RegistryAwayError, Version, answering
from tasks.checkpoints.scan import is_wanted, look
from tasks.checkpoints.suite import Suite, Trial, plan_suite, tested_corpora
from tasks.context import RunContext
from tasks.paths import home_folder, open_store
from tasks.progress import logger
from tasks.reevaluation import compare_checkpoints, mean_f1
from tasks.steps.data import CACHE
from tasks.steps.results import Compare

PARAMS = "params/reevaluate.yaml"
AWAY = "undecided: MLflow does not answer; a later scan compares it"
Versions = Mapping[str, Version]


@flow(
    name="reevaluate",
    flow_run_name="{checkpoint}",
    task_runner=ThreadPoolTaskRunner(max_workers=TASKS_AT_ONCE),
)
def evaluate(
    checkpoint: str, params: str = PARAMS, overrides: list[str] | None = None
) -> list[dict[str, str]]:
    """Evaluate one checkpoint and compare it with the champion.

    Args:
        checkpoint: a step of the store such as `train/KEY`, or a folder.
        params: path of the re-evaluation file, relative to the working directory.
        overrides: values to set, such as `decode.beams=4`.

    Returns:
        The table that is shown as an artifact, with one row.
    """
    return _under_prefect(params, overrides, [checkpoint])


@flow(
    name="reevaluate-scan",
    flow_run_name="{params}",
    task_runner=ThreadPoolTaskRunner(max_workers=TASKS_AT_ONCE),
)
def scan(params: str = PARAMS, overrides: list[str] | None = None) -> list[dict[str, str]]:
    """Find checkpoints that were not evaluated or not compared yet, and do so.

    Arguments and result are those of `evaluate`.
    """
    return _under_prefect(params, overrides, None)


def reevaluate_here(
    params: Reevaluation, *, names: Sequence[str] | None, console: Console
) -> list[Row]:
    """Re-evaluate in this process, without a Prefect server.

    Args:
        names: checkpoints as `gner predict` takes them; None looks for them.

    Returns:
        A row for each checkpoint, the oldest first; faults of single ones stand in their rows.
    """
    return _run(params, names, direct_submitter, console)


def _under_prefect(
    file: str, overrides: list[str] | None, names: Sequence[str] | None
) -> list[dict[str, str]]:
    params = read_reevaluation(Path(file), overrides=overrides or [])
    rows = _run(params, names, prefect_submitter, Console(quiet=True))
    table = table_rows(rows)
    create_table_artifact(table, key=f"reevaluate-{params.name}", description=title_of(params))
    raise_faults(rows)
    return table


def _run(
    params: Reevaluation, names: Sequence[str] | None, submitter: Submitter, console: Console
) -> list[Row]:
    if params.data_root == CACHE:
        fetch_corpora(tested_corpora(params), submitter)
    suite, store = plan_suite(params), open_store()
    registry = Registry.open(params.champion, home_folder())
    versions = _versions(registry)
    unread: dict[str, InputError] = {}
    if names is None:
        decided = {key for key, one in (versions or {}).items() if _is_closed(one, suite)}
        found, unread = look(params.look, store, versions or {}, decided=decided)
    else:
        found = distinct(named(name, store) for name in names)
    todo = _unfinished(found, suite, versions)
    done: dict[str, Row] = {}
    with _claimed(todo, suite, store):
        if todo and versions is not None:
            versions = _versions(registry)  # another process may have been at one meanwhile
            todo = _unfinished(todo, suite, versions)
        if todo:
            done = _work(todo, suite, registry=registry, submitter=submitter, console=console)
    for one in found:
        if one.key not in done:
            decision = decision_of((versions or {}).get(one.key), suite)
            note = "" if decision else f"left out: of stage {one.stage}, see look.stages"
            done[one.key] = Row(one.name, one.where, decision, note=note)
    faulty = [Row(Path(where).name, where, error=fault) for where, fault in unread.items()]
    return [*(done[one.key] for one in found), *faulty]


def _versions(registry: Registry) -> Versions | None:
    """Return what the registry knows, None where it does not answer."""
    try:
        with answering():
            return registry.versions()
    except RegistryAwayError as error:
        logger().warning("MLflow at %s does not answer (%s)", registry.uri, error)
        return None


def _unfinished(
    found: Sequence[Checkpoint], suite: Suite, versions: Versions | None
) -> list[Checkpoint]:
    """Return the checkpoints that are still to be evaluated, compared, or shown."""
    known = versions or {}
    return [
        one
        for one in found
        if is_wanted(one, suite.params.look) and not _is_closed(known.get(one.key), suite)
    ]


def _is_closed(version: Version | None, suite: Suite) -> bool:
    decision = decision_of(version, suite)
    return decision is not None and decision.closed


@contextmanager
def _claimed(checkpoints: Sequence[Checkpoint], suite: Suite, store: Store) -> Iterator[None]:
    """Keep other processes of this machine from the same checkpoints; wait for those at one.

    The kernel frees them with the process. In one order, so that no two wait for each other.
    """
    with ExitStack() as stack:
        for key in sorted(one.key for one in checkpoints):
            claim = fingerprint([suite.key, suite.params.champion.model, key])
            stack.enter_context(store.lock(ArtifactRef("reevaluation", claim)))
        yield


def _work(
    todo: Sequence[Checkpoint],
    suite: Suite,
    *,
    registry: Registry,
    submitter: Submitter,
    console: Console,
) -> dict[str, Row]:
    """Evaluate and decide; return a row for each checkpoint by its key."""
    store = open_store()
    rows: dict[str, Row] = {}
    trials: list[Trial] = []
    for one in todo:
        try:
            trials.append(suite.trial(one, store))
        except InputError as fault:
            rows[one.key] = Row(one.name, one.where, error=fault)
    if not trials:
        return rows
    params = suite.params
    with opened_run(
        params.execution,
        (step for trial in trials for step in trial.steps()),
        name=params.name,
        params=params.model_dump(mode="json", exclude={"corpora"}),
        tags={"gner.suite": suite.key},
        console=console,
    ) as opened:
        faults = _evaluate(trials, suite, opened.run, submitter)
        scored = [trial for trial in trials if trial.checkpoint.key not in faults]
        rows |= _decided(scored, suite, opened.run, registry, submitter)
    for trial in trials:
        one = trial.checkpoint
        if one.key in faults:
            rows[one.key] = Row(one.name, one.where, error=faults[one.key])
    return rows


def _evaluate(
    trials: Sequence[Trial], suite: Suite, run: RunContext, submitter: Submitter
) -> dict[str, Exception]:
    """Have checkpoints answer and scored; return the fault of each that could not."""
    shared = [*suite.corpora.values(), *suite.samples.values()]
    steps = [*shared, *(step for trial in trials for step in trial.steps())]
    faults: dict[str, Exception] = {}
    with submitting(submitter, steps=len(steps), run=run) as submit:
        pending = submit_steps(steps, lambda _: run, submit)
        wait_for(shared, pending)
        for trial in trials:
            for score in trial.tests.values():
                try:
                    wait_for((score.predictions, score), pending)
                except Exception as error:  # noqa: BLE001 (it stands in the row of its checkpoint)
                    faults.setdefault(trial.checkpoint.key, error)
    return faults


def _decided(
    trials: Sequence[Trial],
    suite: Suite,
    run: RunContext,
    registry: Registry,
    submitter: Submitter,
) -> dict[str, Row]:
    """Decide about one checkpoint after the other, the oldest first."""

    def evaluate_rival(rival: Trial) -> None:
        for fault in _evaluate([rival], suite, run, submitter).values():
            raise fault

    def compare(step: Compare) -> dict[str, Any]:
        with submitter(1) as submit:
            content: dict[str, Any] = submit(compare_checkpoints, step, run, after=[]).result()
            return content

    judge = Judge(suite, run, registry, evaluate=evaluate_rival, compare=compare)
    rows, away = {}, False
    for trial in trials:
        one = trial.checkpoint
        decision: Decision | None = None
        error: Exception | None = None
        try:
            if not away:
                decision = judge.decide(trial)
        except RegistryAwayError as fault:
            logger().warning("MLflow at %s does not answer (%s)", registry.uri, fault)
            away = True
        except InputError as fault:
            error = fault
        f1 = mean_f1(trial, run, metric=suite.params.comparison.metric)
        note = AWAY if decision is None and error is None else ""
        rows[one.key] = Row(one.name, one.where, decision, f1, note, error)
    return rows
