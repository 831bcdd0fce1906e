"""Servers as processes: `gner serve`, and `mlflow models serve` of the same model."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tasks.checkpoints.foreign import Usable
from tasks.tracking.pyfunc import log_pyfunc

START_SECONDS = 300
ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}


@contextmanager
def gner_server(checkpoint: Usable, *options: str, log: Path) -> Iterator[str]:
    """The address of `gner serve`; it must end in order."""
    command = [sys.executable, "-m", "flows", "serve", str(checkpoint.folder), "--port", "0"]
    with log.open("w") as lines:
        server = subprocess.Popen([*command, *options], stderr=lines, stdout=lines)
    try:
        yield _said(server, log, r"http://\S+:\d+")
    finally:
        server.send_signal(signal.SIGTERM)
        code = server.wait()
    assert code == 0, log.read_text()


@contextmanager
def mlflow_server(checkpoint: Usable, *, home: Path, log: Path) -> Iterator[str]:
    """The address of `mlflow models serve`."""
    uri, tracking = log_pyfunc(
        checkpoint.folder, checkpoint.about, name="bench", beams=1, home=home
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "mlflow", "models", "serve", "-m", uri, "--env-manager", "local"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **ENVIRONMENT, "MLFLOW_TRACKING_URI": tracking, "PATH": path}
    with log.open("w") as lines:
        server = subprocess.Popen(
            command, stderr=lines, stdout=lines, env=environment, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(server, f"{address}/ping", log)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _said(server: subprocess.Popen[bytes], log: Path, pattern: str) -> str:
    """Return what a server says once it can be asked."""
    for _ in _while_running(server, log):
        if found := re.search(pattern, log.read_text()):
            return found[0]
    raise AssertionError


def _wait_for(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    for _ in _while_running(server, log):
        try:
            if httpx.get(address).status_code == 200:
                return
        except httpx.TransportError:
            continue


def _while_running(server: subprocess.Popen[bytes], log: Path) -> Iterator[None]:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        yield
        time.sleep(0.2)
    raise RuntimeError(f"the server did not start:\n{log.read_text()[-3000:]}")


def options_of(dtype: str, batch: int) -> Sequence[str]:
    """Return the options of `gner serve`."""
    return ["--dtype", dtype, "--batch", str(batch), "--timeout", "600"]
