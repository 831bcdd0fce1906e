"""A terminal that is closed, as by a lost connection: the kernel sends SIGHUP, nothing can be printed."""

import os
import pty
import select
import shlex
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient

from flows.running.terminal import lasting_output
from tests.flows.conftest import GNER, Home

MANY_UPDATES = ("stages.adaptation.train.epochs=60", "execution.checkpoint_every=1")


def test_a_command_without_standard_streams_writes_nowhere_else(root: Path, tmp_path: Path) -> None:
    """The first file that it opens would else be its standard output."""
    said = tmp_path / "said"
    for closed in ("<&- >&-", "<&- >&- 2>&-"):
        command = f"exec {shlex.join(GNER)} score {said} {closed}"
        done = subprocess.run(["bash", "-c", command], cwd=root, capture_output=True, check=False)
        assert done.returncode == 2
        assert done.stdout == b""
        assert b"Traceback" not in done.stderr
        assert done.stderr == b"" if "2>" in closed else b"no such file" in done.stderr


def test_a_run_whose_terminal_is_closed_ends_in_order(own_home: Home, root: Path) -> None:
    """Its worker writes the last checkpoint, MLflow's runs are KILLED, no process is left."""
    home, folder = own_home, own_home.folder
    terminal, inside = pty.openpty()
    given = [word for override in MANY_UPDATES for word in ("--set", override)]
    run = subprocess.Popen(
        # Tests that were started by nohup ignore SIGHUP, and a child would inherit that.
        [
            *"env --default-signal=HUP setsid --ctty".split(),
            *GNER,
            "run",
            "params/tiny.yaml",
            *given,
        ],
        cwd=root,
        env=home.environment() | {"TERM": "xterm"},
        stdin=inside,
        stdout=inside,
        stderr=inside,
    )
    os.close(inside)
    deadline = time.monotonic() + 120
    while not list(folder.glob("work/unfinished/train/*/checkpoint-*")):
        assert run.poll() is None and time.monotonic() < deadline
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 1 << 16)
    started = psutil.Process(run.pid).children(recursive=True)
    os.close(terminal)
    assert run.wait(60) == 129
    _, left = psutil.wait_procs(started, timeout=30)
    assert left == []
    (scratch,) = folder.glob("work/unfinished/train/*")
    assert "goes on from the checkpoint of update" in (scratch / "worker.log").read_text()
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("gner")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], order_by=["start_time"])
    status = {run.info.run_name.partition(",")[0]: run.info.status for run in runs}  # of the last
    assert status["tiny"] == status["adaptation"] == "KILLED"
    assert "RUNNING" not in {run.info.status for run in runs}


def test_printing_to_a_closed_terminal_is_no_fault(tmp_path: Path) -> None:
    terminal, inside = pty.openpty()
    stream = os.fdopen(inside, "w")
    lasting = lasting_output(stream)
    assert lasting.isatty()
    print("seen", file=lasting)
    assert os.read(terminal, 100) == b"seen\r\n"
    os.close(terminal)
    print("unseen", file=lasting, flush=True)
    with pytest.raises(OSError, match="Input/output error"):
        os.write(inside, b"unseen")
    stream.close()
    with (tmp_path / "log").open("w") as file:
        assert lasting_output(file) is file
