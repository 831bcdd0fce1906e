"""One run of params/tiny.yaml from the command line, shared by the tests of the pipeline."""

import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from gner_core.runtime.locks import file_lock
from tasks.workers import ForkServer
from tests.conftest import plain_log
from tests.flows.known_checkpoints import place  # noqa: F401  (a fixture)

GNER = [sys.executable, "-m", "flows"]
PLANTED = {
    "AWS_SECRET_ACCESS_KEY": "planted-secret-of-the-store",
    "HF_TOKEN": "hf_planted_token_of_the_hub",
    "OPENAI_API_KEY": "sk-planted-key-of-the-endpoint",
    "MLFLOW_TRACKING_PASSWORD": "planted-password-of-mlflow",
}
"""Secrets in the environment of every run; no file may hold one afterwards."""
BESIDE_OTHERS = 3
"""How many times as long a command may take beside other tests, on two busy cores."""


class LastingForkServer(ForkServer):
    """One for all runs in this process, since starting one takes seconds; it ends with us."""

    started: ClassVar[list["LastingForkServer"]] = []

    @classmethod
    def one(cls, preloaded: Sequence[str]) -> "LastingForkServer":
        """Return the one that runs, whatever it has preloaded."""
        if not cls.started or not cls.started[-1].is_alive():
            cls.started.append(cls(preloaded))
        return cls.started[-1]

    def end(self) -> None:
        """Stay for the next run."""

    def wait(self) -> None:
        """Wait for nothing: it has not ended."""


@dataclass(frozen=True)
class Ran:
    """A finished command with what it printed."""

    code: int
    out: str
    err: str
    seconds: float


@dataclass(frozen=True)
class Home:
    """A home folder in which gner runs."""

    folder: Path
    root: Path

    def environment(self) -> dict[str, str]:
        """The variables of a machine without Prefect and MLflow servers."""
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_API", "MLFLOW_T"))
        }
        return {**kept, **PLANTED, "GNER_HOME": str(self.folder), "COLUMNS": "200"}

    def gner(self, *arguments: str, given: str = "") -> Ran:
        """Run a command in this process, in the project's folder; `given` is its standard input."""
        started = time.monotonic()
        with (
            chdir(self.root),
            patch.dict(os.environ, self.environment(), clear=True),
            patch("tasks.workers.ForkServer", LastingForkServer.one),
            patch("tasks.workers._AHEAD", []),
        ):
            done = CliRunner().invoke(app, arguments, input=given)
        plain_log()
        said = done.stderr
        if done.exception and not isinstance(done.exception, SystemExit):
            said += "".join(traceback.format_exception(done.exception))
        return Ran(done.exit_code, done.stdout, said, time.monotonic() - started)


def files_holding(folder: Path, secrets: Iterable[str]) -> list[Path]:
    """The files below a folder that contain one of some texts."""
    sought = [secret.encode() for secret in secrets]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if any(text in path.read_bytes() for text in sought)]


def ran_steps(out: str) -> list[str]:
    """The kinds of the steps that ran, in order."""
    return [kind for kind, state in _states(out) if state == "running"]


def skipped_steps(out: str) -> list[str]:
    """The kinds of the steps that were skipped."""
    return [kind for kind, state in _states(out) if state.startswith("skipped")]


def _states(out: str) -> Sequence[tuple[str, str]]:
    kinds = ("corpus", "sample", "backbone", "train", "fit", "generate", "score", "report")
    found = []
    for line in out.splitlines():
        words = line.split()
        kind = next((word for word in words[:2] if word in kinds), None)
        if kind and ": " in line:
            found.append((kind, line.split(": ", 1)[1].strip()))
    return found


@pytest.fixture(scope="session")
def first_run(shared_folder: Path, root: Path, database: Path) -> Path:
    """A home in which only params/tiny.yaml has run; all test processes share it, so none changes it."""
    shared = shared_folder / "tiny"
    with file_lock(shared.with_suffix(".lock")):
        if not (shared / "first.txt").exists():
            shared.mkdir()
            shutil.copy(database, shared)
            done = Home(shared, root).gner("run", "params/tiny.yaml")
            assert done.code == 0, done.out + done.err
            (shared / "seconds.txt").write_text(str(done.seconds))
            (shared / "first.txt").write_text(done.out + done.err)
    return shared


@pytest.fixture(scope="session")
def tiny_home(tmp_path_factory: pytest.TempPathFactory, root: Path, first_run: Path) -> Home:
    """A copy of that home, to which the tests of this process add."""
    return Home(shutil.copytree(first_run, tmp_path_factory.mktemp("home") / "tiny"), root)


@pytest.fixture
def own_home(tmp_path: Path, root: Path, first_run: Path) -> Home:
    """A copy of that home for one test."""
    return Home(shutil.copytree(first_run, tmp_path / "tiny"), root)
