"""Records that are read from MLflow's file are those that its client gives, also of odd ones."""

import math
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.entities import Metric, RunTag

from gner_core.errors import InputError
from tasks.tracking.records import Client, DatabaseFile, Records, known_records, records
from tasks.tracking.server import DATABASE, TrackingStore, own_store

KINDS = ("flow", "point", "evaluation", "training")


@pytest.fixture
def store(tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> TrackingStore:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(database, tmp_path / DATABASE)
    return own_store(tmp_path)


def run(
    store: TrackingStore,
    kind: str,
    name: str,
    *,
    at: int,
    status: str = "FINISHED",
    experiment: str = "",
    points: tuple[Metric, ...] = (),
) -> str:
    client = store.client
    tags = {"gner.kind": kind, "z": "ä\n'", "gner.checkpoint.b": "train/1", "a": "w" * 5000}
    made = client.create_run(experiment or store.experiment, at, tags, name)
    late = [RunTag("gner.checkpoint.a", "train/2"), RunTag("z", "other")]
    client.log_batch(made.info.run_id, metrics=points, tags=late)
    client.set_terminated(made.info.run_id, status, at + 1)
    return str(made.info.run_id)


@pytest.fixture
def filled(store: TrackingStore) -> TrackingStore:
    """A database with all that may be in one: it is read in both ways."""
    client = store.client
    other = client.create_experiment("another")
    points = (
        *(Metric("loss", value, 5, step) for step, value in enumerate((3.0, 1.0, 2.0))),
        Metric("mean/f1", 0.1, 9, 0),
        Metric("mean/f1", 0.2, 8, 0),
        *(Metric(name, float(name), 1, 0) for name in ("nan", "inf", "-inf", "7")),
        Metric("then nan", 1.0, 1, 0),
        Metric("then nan", math.nan, 2, 1),
    )
    for number, status in enumerate(("RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED")):
        run(store, "flow", f"run {number}", at=1000 - number % 2, status=status, points=points)
    run(store, "Flow", "another kind", at=4)
    run(store, "evaluation", "zero-shot test", at=5, points=points)
    run(store, "point", "", at=6)  # MLflow makes up a name
    run(store, "flow", "of another experiment", at=7, experiment=other)
    client.delete_run(run(store, "flow", "deleted", at=8))
    for model in ("gner", "gner-2", "renamed", "deleted"):
        client.create_registered_model(model)
        for number in (1, 2, 3):
            tags = {"checkpoint": f"{model}{number}", "empty": ""}
            id_ = run(store, "training", model, at=number) if number == 1 else None
            client.create_model_version(model, f"/models/{model}/{number}", id_, tags=tags)
        client.set_registered_model_alias(model, "champion", "1")
        client.set_registered_model_alias(model, "champion", "3")
        client.set_registered_model_alias(model, "other", "2")
    client.delete_model_version("gner", "2")
    client.set_model_version_tag("gner", "3", "checkpoint", "changed")
    client.delete_model_version_tag("gner", "3", "empty")
    client.rename_registered_model("renamed", "renamed now")
    client.delete_registered_model("deleted")
    return store


def said(found: Records) -> dict[str, object]:
    """All records as text, since a value that is no number equals nothing; metrics have no order."""
    runs = {
        kind: [
            repr(one._replace(metrics=dict(sorted(one.metrics.items()))))
            for one in found.runs(kind)
        ]
        for kind in KINDS
    }
    models = (None, "gner", "gner-2", "renamed now", "deleted", "unknown")
    versions = {str(model): sorted(map(repr, found.versions(model))) for model in models}
    return {**runs, **versions, "aliases": [found.aliases(str(model)) for model in models]}


def test_the_file_and_the_client_give_the_same(filled: TrackingStore) -> None:
    read = records(filled)
    assert isinstance(read, DatabaseFile), "MLflow's tables have changed: compare, and name them"
    assert said(read) == said(Client(filled))
    names = [one.name for one in read.runs("flow")]
    assert {*names} == {f"run {number}" for number in range(5)}
    assert [one.start_time for one in read.runs("flow")] == [1000, 1000, 1000, 999, 999]
    metrics = read.runs("evaluation")[0].metrics
    assert (metrics["loss"], metrics["mean/f1"]) == (2.0, 0.1)
    assert math.isnan(metrics["nan"]) and math.isnan(metrics["then nan"])
    assert read.aliases("gner") == {"champion": 3}
    assert [one.number for one in read.versions("gner")] == [1, 3]


def test_a_deleted_experiment_has_no_runs(filled: TrackingStore) -> None:
    filled.client.delete_experiment(filled.experiment)
    for found in (records(filled), Client(filled)):
        assert not any(found.runs(kind) for kind in KINDS)


def test_a_database_without_runs_and_models_has_none(store: TrackingStore) -> None:
    found = records(store)
    assert isinstance(found, DatabaseFile)
    assert (found.runs("flow"), found.versions("gner"), found.aliases("gner")) == ([], [], {})


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE alembic_version SET version_num = '0123456789ab'",
        "INSERT INTO alembic_version VALUES ('0123456789ab')",
        "DELETE FROM alembic_version",
        "DROP TABLE alembic_version",
        "INSERT INTO experiments (name, workspace) VALUES ('gner', 'team')",
    ],
)
def test_tables_that_are_not_known_are_left_to_the_client(
    store: TrackingStore, tmp_path: Path, change: str
) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
        database.execute(change)
        database.commit()
    assert isinstance(records(store), Client)


@pytest.mark.parametrize("name", ["MLFLOW_REGISTRY_URI", "MLFLOW_ENABLE_WORKSPACES"])
def test_models_and_runs_in_other_places_are_left_to_the_client(
    store: TrackingStore, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "x")
    assert isinstance(records(store), Client)


def test_servers_and_other_databases_are_left_to_the_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert known_records(tmp_path) is None
    (tmp_path / "no.db").write_text("no database")
    for uri in ("http://127.0.0.1:1", "postgresql://x/y", f"sqlite:///{tmp_path}/no.db"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert isinstance(known_records(tmp_path), Client)


def test_a_read_neither_waits_for_a_writer_nor_changes_the_file(
    filled: TrackingStore, tmp_path: Path
) -> None:
    file = tmp_path / DATABASE
    before, bytes_before = said(records(filled)), file.read_bytes()
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM tags")
        assert said(DatabaseFile(file)) == before
        assert file.read_bytes() == bytes_before
        writer.execute("COMMIT")  # the reader holds nothing
    assert DatabaseFile(file).runs("flow") == []


def test_a_change_that_a_killed_writer_left_is_taken_back_by_the_client(
    filled: TrackingStore, tmp_path: Path
) -> None:
    before = said(records(filled))
    left = tmp_path / "left"
    left.mkdir()
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = 1")  # so that changes reach the file at once
        writer.execute("BEGIN")
        writer.execute("UPDATE tags SET value = 'changed' || value")
        for name in (DATABASE, f"{DATABASE}-journal"):
            shutil.copy(tmp_path / name, left)
        writer.execute("ROLLBACK")
    assert not DatabaseFile(left / DATABASE).is_known()
    found = records(own_store(left))
    assert isinstance(found, Client)
    assert found.runs("flow")
    assert said(records(own_store(left))) == before


def test_a_database_that_is_none_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    file = tmp_path / DATABASE
    file.write_bytes(b"")
    assert known_records(tmp_path) is not None
    file.write_bytes(b"garbage")
    with pytest.raises(InputError, match=f"{file}: no database of SQLite; move it away"):
        known_records(tmp_path)
    file.unlink()
    file.mkdir()
    with pytest.raises(InputError, match=rf"{file}: cannot be read \(Is a directory\)"):
        known_records(tmp_path)
