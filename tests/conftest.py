"""Fixtures that all tests share: the folder of real inputs where it is at hand, tiny models."""

import logging
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from gner_core.runtime.gpus import TAKEN, VISIBLE
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


@pytest.fixture(autouse=True)
def _unchanged_gpu_choice() -> Iterator[None]:
    """Fail a test that leaves this process, and so the tests after it, with a choice of GPUs."""
    before = [os.environ.get(name) for name in (VISIBLE, TAKEN)]
    yield
    assert [os.environ.get(name) for name in (VISIBLE, TAKEN)] == before


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
