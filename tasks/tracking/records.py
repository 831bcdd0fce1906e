"""What MLflow knows of runs and models, as plain records, for commands that only read.

MLflow takes two seconds to import. A local SQLite file with the tables that the pinned MLflow writes
is therefore read directly, without it. Servers, other databases and files with other tables answer
through its client; the records are the same.
"""

import math
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tasks.tracking.server import EXPERIMENT, TrackingStore, known_store
from tasks.tracking.tracker import KIND

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

TABLES = "dc11669786a5"
"""The revision of MLflow's tables that is known here; its database names it."""
SQLITE = "sqlite:///"
ELSEWHERE = ("MLFLOW_REGISTRY_URI", "MLFLOW_ENABLE_WORKSPACES")
"""Variables that let MLflow find models or runs in another place."""
BUSY_SECONDS = 20.0
"""How long to wait for a writer, as long as MLflow does."""
RUN_NAME = "mlflow.runName"
PAGE = 1000
KNOWN = (
    "SELECT version_num = ? AND NOT EXISTS "
    "(SELECT * FROM experiments WHERE workspace != 'default') FROM alembic_version"
)
RUNS = (
    "SELECT run_uuid, runs.name, status, start_time FROM runs "
    "JOIN experiments USING (experiment_id) JOIN tags USING (run_uuid) "
    "WHERE tags.key = ? AND tags.value = ? AND experiments.name = ? "
    "AND runs.lifecycle_stage = 'active' ORDER BY start_time DESC, run_uuid"
)
TAGS = "SELECT key, value FROM tags WHERE run_uuid = ? ORDER BY rowid"
METRICS = "SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = ?"
VERSIONS = (
    "SELECT name, version, run_id FROM model_versions WHERE name = coalesce(?, name) "
    "AND workspace = 'default' AND current_stage != 'Deleted_Internal'"
)
VERSION_TAGS = (
    "SELECT key, value FROM model_version_tags "
    "WHERE name = ? AND version = ? AND workspace = 'default'"
)
ALIASES = (
    "SELECT alias, version FROM registered_model_aliases WHERE name = ? AND workspace = 'default'"
)


class RunRecord(NamedTuple):
    """A run."""

    name: str
    status: str
    """RUNNING, FINISHED, FAILED, KILLED or SCHEDULED."""
    start_time: int
    """In milliseconds since the epoch."""
    tags: dict[str, str]
    metrics: dict[str, float]
    """The latest value of each."""


class Version(NamedTuple):
    """A version of a registered model."""

    number: int
    run_id: str | None
    """The run of its training, where it is known."""
    tags: Mapping[str, str]


class Records(Protocol):
    """What was tracked; deleted runs and versions are left out."""

    def runs(self, kind: str) -> list[RunRecord]:
        """Return the runs of gner's experiment that are of a kind, the latest first."""

    def versions(self, model: str | None) -> list[Version]:
        """Return the versions of a registered model, or of all models."""

    def aliases(self, model: str) -> dict[str, int]:
        """Return the number of the version that holds each alias; none of an unknown model."""


def known_records(home: Path) -> Records | None:
    """Return what was tracked by this machine, None where nothing ever was."""
    mlflow = known_store(home)
    return records(mlflow) if mlflow else None


def records(mlflow: TrackingStore) -> Records:
    """Return the quickest way to the records of a tracking store."""
    plain = mlflow.uri.startswith(SQLITE) and "?" not in mlflow.uri
    if plain and not any(name in os.environ for name in ELSEWHERE):
        database = DatabaseFile(Path(mlflow.uri.removeprefix(SQLITE)))
        if database.is_known():
            return database
    return Client(mlflow)


class Client:
    """Records that MLflow's client finds; every fault is MLflow's own."""

    def __init__(self, mlflow: TrackingStore) -> None:
        """Bind a tracking store."""
        self._mlflow = mlflow

    def runs(self, kind: str) -> list[RunRecord]:
        """Return the runs of gner's experiment that are of a kind, the latest first."""
        return [
            RunRecord(
                run.info.run_name,
                run.info.status,
                run.info.start_time,
                run.data.tags,
                run.data.metrics,
            )
            for run in self._mlflow.runs(f"tags.`{KIND}` = '{kind}'")
        ]

    def versions(self, model: str | None) -> list[Version]:
        """Return the versions of a registered model, or of all models."""
        return list(self._versions(None if model is None else f"name = '{model}'"))

    def aliases(self, model: str) -> dict[str, int]:
        """Return the number of the version that holds each alias; none of an unknown model."""
        from mlflow.exceptions import MlflowException

        try:
            held = self._mlflow.client.get_registered_model(model).aliases
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return {}
            raise
        return {alias: int(number) for alias, number in held.items()}

    def _versions(self, query: str | None) -> Iterator[Version]:
        token = None
        while True:
            page = self._mlflow.client.search_model_versions(query, PAGE, page_token=token)
            yield from map(version_of, page)
            if not (token := page.token):
                return


def version_of(found: "ModelVersion") -> Version:
    """Return the record of a version that MLflow's client gave."""
    return Version(int(found.version), found.run_id or None, dict(found.tags))


class DatabaseFile:
    """Records in an SQLite file that MLflow wrote. It is opened for reading only, each time anew."""

    def __init__(self, file: Path) -> None:
        """Bind a file, which need not exist."""
        self._file = file

    def is_known(self) -> bool:
        """Say whether the file can be read and has the known tables, in MLflow's one workspace.

        Not so a file whose writer was killed within a change: only a writer can take that back.
        """
        try:
            with self._opened() as database:
                return database.execute(KNOWN, (TABLES,)).fetchall() == [(1,)]
        except sqlite3.Error:
            return False

    def runs(self, kind: str) -> list[RunRecord]:
        """Return the runs of gner's experiment that are of a kind, the latest first."""
        with self._opened() as database:
            found = database.execute(RUNS, (KIND, kind, EXPERIMENT)).fetchall()
            return [_run(database, *one) for one in found]

    def versions(self, model: str | None) -> list[Version]:
        """Return the versions of a registered model, or of all models."""
        with self._opened() as database:
            found = database.execute(VERSIONS, (model,)).fetchall()
            return [
                Version(number, run or None, dict(database.execute(VERSION_TAGS, (name, number))))
                for name, number, run in found
            ]

    def aliases(self, model: str) -> dict[str, int]:
        """Return the number of the version that holds each alias; none of an unknown model."""
        with self._opened() as database:
            return dict(database.execute(ALIASES, (model,)))

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the file for reading; what is read is of one moment."""
        uri = f"{self._file.absolute().as_uri()}?mode=ro"
        opened = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        with closing(opened) as database:
            database.execute("BEGIN")
            yield database


def _run(
    database: sqlite3.Connection, run: str, name: str | None, status: str, start: int
) -> RunRecord:
    tags = dict(database.execute(TAGS, (run,)))
    metrics = {
        name: math.nan if is_nan else float(value)
        for name, value, is_nan in database.execute(METRICS, (run,))
    }
    return RunRecord(name or tags.get(RUN_NAME, ""), status, start, tags, metrics)
