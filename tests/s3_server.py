"""An S3 server on loopback in a child process, with an empty bucket."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import fsspec

SECRET = "planted-secret-4711"
BUCKET = "artifacts"


@dataclass(frozen=True)
class S3:
    """A running server: the variables with which a process reaches it."""

    environment: dict[str, str]

    def url(self, name: str) -> str:
        return f"s3://{BUCKET}/{name}"


@contextmanager
def s3_server() -> Iterator[S3]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "planted-id",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        _wait_for(port)
        yield S3(environment)
    finally:
        server.kill()
        server.wait()


def make_bucket() -> None:
    """Create the bucket; the variables of the server must be set."""
    fsspec.filesystem("s3").mkdir(BUCKET)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the S3 server does not start")
