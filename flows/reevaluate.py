"""New checkpoints: each is evaluated once on the fixed test sets and compared with the champion.

Find → evaluate → decide → show, one checkpoint after the other. `evaluate` and `scan` are Prefect
flows: an event that names a checkpoint starts the first, a schedule the second; `reevaluate_here`
does the same without any server. The store knows which checkpoints were evaluated, the registry
which were compared: a second call changes nothing.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.task_runners import ThreadPoolTaskRunner
from rich.console import Console

from flows.running.fetch import fetch_corpora
from flows.running.frame import opened_run
from flows.running.publish import failing_in_one_line
from flows.running.submit import TASKS_AT_ONCE, Submitter, in_process, on_prefect
from flows.running.walk import run_steps
from flows.views.reevaluate import Row, raise_faults, table_rows, title_of
from gner_core.config.reading.files import read_params
from gner_core.config.reevaluation import Reevaluation
from gner_core.errors import InputError
from gner_core.store.artifacts import ArtifactRef, Store
from gner_core.store.fingerprint import fingerprint
from tasks.champion import Decision, Promotion, decision_of
from tasks.checkpoints.identity import Checkpoint, distinct, named
from tasks.checkpoints.registry import Registry, RegistryAwayError, answering
from tasks.checkpoints.scan import find_checkpoints, is_wanted
from tasks.checkpoints.suite import Evaluation, Suite, plan_suite, tested_corpora
from tasks.context import RunContext
from tasks.paths import made_home, open_store
from tasks.progress import logger
from tasks.reevaluation import compare_checkpoints, mean_f1
from tasks.steps.results import Compare
from tasks.tracking.comparison import EXPERIMENT
from tasks.tracking.mlflow_run import DESCRIPTION
from tasks.tracking.records import Version
from tasks.tracking.server import tracking_store

PARAMS = "params/reevaluate.yaml"
AWAY = "undecided: MLflow does not answer; a later scan compares it"
Versions = Mapping[str, Version]


@flow(
    name="reevaluate",
    flow_run_name="{checkpoint}",
    task_runner=ThreadPoolTaskRunner(max_workers=TASKS_AT_ONCE),
)
@failing_in_one_line
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
@failing_in_one_line
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
        names: checkpoints as for `gner predict`; None for a scan.

    Returns:
        A row for each checkpoint, the oldest first, with the fault of one that failed.
    """
    return _run(params, names, in_process, console)


def _under_prefect(
    file: str, overrides: list[str] | None, names: Sequence[str] | None
) -> list[dict[str, str]]:
    params = read_params(Reevaluation, Path(file), overrides=overrides or [])
    rows = _run(params, names, on_prefect, Console(quiet=True))
    table = table_rows(rows)
    create_table_artifact(table, key=f"reevaluate-{params.name}", description=title_of(params))
    raise_faults(rows)
    return table


def _run(
    params: Reevaluation, names: Sequence[str] | None, submitter: Submitter, console: Console
) -> list[Row]:
    fetch_corpora(tested_corpora(params), params.data_root, submitter)
    suite, store = plan_suite(params), open_store()
    registry = Registry(tracking_store(made_home()), params.champion.model)
    versions = _versions(registry)
    unread: dict[str, InputError] = {}
    if names is None:
        decided = {key for key, one in versions.items() if _is_closed(one, suite)}
        found, unread = find_checkpoints(params.scan, store, versions, decided=decided)
    else:
        found = distinct(named(name, store) for name in names)
    rows = []
    for one in found:
        version = versions.get(one.key)
        if is_wanted(one, params.scan) and not _is_closed(version, suite):
            rows.append(_row(one, suite, registry, submitter, console))
        else:
            decision = decision_of(version, suite)
            note = "" if decision else f"left out: of stage {one.stage}, see scan.stages"
            rows.append(Row(one.name, one.where, decision, note=note))
    faulty = [Row(Path(where).name, where, error=fault) for where, fault in unread.items()]
    return rows + faulty


def _versions(registry: Registry) -> Versions:
    """Return the registered versions; none, with a warning, where MLflow does not answer."""
    try:
        with answering():
            return registry.versions()
    except RegistryAwayError as error:
        logger().warning("MLflow at %s does not answer (%s)", registry.mlflow.shown_uri, error)
        return {}


def _is_closed(version: Version | None, suite: Suite) -> bool:
    decision = decision_of(version, suite)
    return decision is not None and decision.closed


def _claimed(one: Checkpoint, suite: Suite, store: Store) -> AbstractContextManager[None]:
    """Keep other processes from the same checkpoint; wait for one that has it.

    A process claims one checkpoint at a time, so that no two wait for each other.
    """
    claim = fingerprint([suite.key, suite.params.champion.model, one.key])
    return store.lock(ArtifactRef("reevaluation", claim))


def _row(
    one: Checkpoint, suite: Suite, registry: Registry, submitter: Submitter, console: Console
) -> Row:
    """Evaluate a checkpoint and decide about it; the row holds the fault, if there is one."""
    store, params, f1 = open_store(), suite.params, None
    try:
        with _claimed(one, suite, store):
            version = _versions(registry).get(one.key)
            if _is_closed(version, suite):  # another process did it meanwhile
                return Row(one.name, one.where, decision_of(version, suite))
            candidate = suite.evaluation(one, store)
            with opened_run(
                params.execution,
                candidate.steps(),
                name=f"{params.name}, {one.name}",
                params=params.model_dump(mode="json", exclude={"corpora"}),
                tags={
                    EXPERIMENT: params.name,
                    "gner.suite": suite.key,
                    DESCRIPTION: f"Re-evaluation of `{one.where}`.",
                },
                console=console,
            ) as opened:
                _evaluate(candidate, suite, opened.run, submitter)
                f1 = mean_f1(candidate, opened.run, metric=params.comparison.metric)
                decision = _decided(candidate, suite, opened.run, registry, submitter)
    except Exception as fault:  # noqa: BLE001 (whatever it is, the other checkpoints go on)
        if not isinstance(fault, InputError):
            logger().error("%s: failed", one.name, exc_info=fault)
        return Row(one.name, one.where, f1=f1, error=fault)
    return Row(one.name, one.where, decision, f1, note="" if decision else AWAY)


def _evaluate(one: Evaluation, suite: Suite, run: RunContext, submitter: Submitter) -> None:
    """Have a checkpoint's predictions generated and scored."""
    run_steps([*suite.corpora.values(), *suite.samples.values(), *one.steps()], run, submitter)


def _decided(
    candidate: Evaluation, suite: Suite, run: RunContext, registry: Registry, submitter: Submitter
) -> Decision | None:
    """Decide about an evaluated checkpoint; return None where MLflow does not answer."""

    def compare(step: Compare) -> dict[str, Any]:
        with submitter(1) as submit:
            content: dict[str, Any] = submit(compare_checkpoints, step, run, after=[]).result()
            return content

    promotion = Promotion(
        suite,
        run,
        registry,
        evaluate=lambda champion: _evaluate(champion, suite, run, submitter),
        compare=compare,
    )
    try:
        return promotion.decide(candidate)
    except RegistryAwayError as fault:
        logger().warning("MLflow at %s does not answer (%s)", registry.mlflow.shown_uri, fault)
        return None
