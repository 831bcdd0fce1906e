"""Fixtures that all tests share: the folder of real inputs where it is at hand, tiny models."""

import gc
import logging
import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import Engine, event

from gner_core.runtime.gpus import TAKEN, VISIBLE
from gner_core.runtime.locks import file_lock
from tests.s3_server import S3, make_bucket, s3_server

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"

# The same cases in every run, on machines of any speed; `--hypothesis-profile default` draws anew.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")

os.environ["DO_NOT_TRACK"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["TOKENIZERS_PARALLELISM"] = "false"


gc.disable()  # until all tests are imported, with torch, Prefect and MLflow


def pytest_collection_finish() -> None:
    """Leave what was imported out of garbage collection, of which libraries do much in trainings."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="module", autouse=True)
def _few_objects() -> None:
    """Leave out what modules before have imported and made to last."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _unchanged_gpu_choice() -> Iterator[None]:
    """Fail a test that leaves this process, and so the tests after it, with a choice of GPUs."""
    before = [os.environ.get(name) for name in (VISIBLE, TAKEN)]
    yield
    assert [os.environ.get(name) for name in (VISIBLE, TAKEN)] == before


@event.listens_for(Engine, "connect")
def _without_waiting_for_the_disk(connection: Any, _: Any) -> None:
    """Let databases of the tests' own processes survive no power cut, for which nobody waits then."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


def plain_log() -> None:
    """Take back what a command run in this process has set up for the log of gner."""
    log = logging.getLogger("gner")
    log.handlers, log.propagate = [], True


@pytest.fixture(autouse=True)
def _plain_log() -> Iterator[None]:
    yield
    plain_log()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real corpora, predictions and tokenizers beside the project."""
    if not SHARED.is_dir():
        pytest.skip("no folder ../shared with real inputs")
    return SHARED


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's own folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of the tests, the same in all processes of it."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def database(shared_folder: Path) -> Path:
    """An SQLite file of MLflow without runs, to be copied; making one takes seconds."""
    from mlflow import MlflowClient

    file = shared_folder / "empty" / "mlflow.db"
    with file_lock(shared_folder / "empty.lock"):
        if not file.exists():
            file.parent.mkdir()
            MlflowClient(f"sqlite:///{file}").get_experiment_by_name("gner")
    return file


@pytest.fixture(scope="session")
def s3_process() -> Iterator[S3]:
    """An S3 server on loopback with an empty bucket."""
    with s3_server() as server:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in server.environment.items():
                patch.setenv(name, value)
            make_bucket()
        yield server


@pytest.fixture
def s3(s3_process: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The same server; the variables of this process and its children name it."""
    for name, value in s3_process.environment.items():
        monkeypatch.setenv(name, value)
    return s3_process


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let the system refuse to make any file larger than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB; skips where mounting is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system is not allowed here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # errors hold files open
