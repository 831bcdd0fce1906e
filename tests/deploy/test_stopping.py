"""The files in deploy/ give trainings the time to save their state that everything else gives them."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

from gner_core.runtime.grace import DEFAULT_SECONDS, GRACE

PREFECT = """#!{python}
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
trained = "import pathlib, time; time.sleep(2); pathlib.Path('saved').touch()"
subprocess.Popen([sys.executable, "-c", trained], start_new_session=True)
try:
    pathlib.Path("started").write_text(" ".join(sys.argv[1:]))
    time.sleep(60)
except KeyboardInterrupt:
    pathlib.Path("interrupted").touch()
"""
"""A worker that SIGTERM ends by SIGINT, as Prefect's, and a training that it leaves behind."""


def test_every_file_gives_trainings_the_same_time(root: Path) -> None:
    deploy = root / "deploy"
    services = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]
    times = {services[f"worker-{pool}"]["stop_grace_period"] for pool in ("cpu", "gpu")}
    units = [unit.read_text() for unit in (deploy / "systemd").iterdir()]
    times |= {f"{number}s" for unit in units for number in re.findall(r"StopSec=(\d+)", unit)}
    example = (deploy / "worker.env.example").read_text()
    times |= {f"{number}s" for number in re.findall(rf"^{GRACE}=(\d+)$", example, re.MULTILINE)}
    assert times == {f"{DEFAULT_SECONDS:g}s"}


def test_a_stopped_worker_stays_until_its_trainings_have_saved_their_state(
    root: Path, tmp_path: Path
) -> None:
    command = tmp_path / "bin" / "prefect"
    command.parent.mkdir()
    command.write_text(PREFECT.format(python=sys.executable))
    command.chmod(0o755)
    worker = subprocess.Popen(
        ["sh", str(root / "deploy" / "worker.sh"), "--pool", "cpu"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}"},
    )
    try:
        wait_for(tmp_path / "started")
        assert (tmp_path / "started").read_text() == "worker start --pool cpu"
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        assert (tmp_path / "interrupted").exists() and (tmp_path / "saved").exists()
    finally:
        worker.kill()


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
