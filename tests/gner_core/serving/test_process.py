"""The server as a process: it says where it listens, and a signal ends it in order."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gner_core.config.checkpoint import VERSION, Description
from gner_core.errors import InputError
from gner_core.serving.__main__ import bound
from gner_core.serving.settings import TOKEN, Settings, token_for
from gner_core.systems.gner.targets import BIO
from tests.gner_core.conftest import TinyModel


@contextmanager
def process(model: TinyModel, log: Path, **changes: Any) -> Iterator[subprocess.Popen[bytes]]:
    about = Description(version=VERSION, backbone=model.backbone, target=BIO, types=("city",))
    settings = Settings(
        checkpoint=str(model.folder), about=about, package=None, beams=1, batch=4, device="cpu",
        dtype=None, queue=64, timeout=60, characters=10_000, **{"host": "127.0.0.1", "port": 0, **changes},
    )  # fmt: skip
    command = [sys.executable, "-m", "gner_core.serving", settings.model_dump_json()]
    with log.open("w") as lines:
        server = subprocess.Popen(command, stderr=lines)
    yield server
    server.kill()
    server.wait()


@pytest.mark.slow
def test_sigterm_ends_it_when_all_are_answered(tiny_llama: TinyModel, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with process(tiny_llama, log) as server, ThreadPoolExecutor(4) as threads:
        while not (said := re.search(r"gner: tiny: (http://127.0.0.1:\d+)/\n", log.read_text())):
            assert server.poll() is None, log.read_text()
            time.sleep(0.05)
        with httpx.Client(base_url=said[1], timeout=60) as client:

            def ask(number: int) -> httpx.Response:
                return client.post("/v1/predict", json={"texts": [f"Ada {number} met Zoë. " * 40]})

            running = [threads.submit(ask, number) for number in range(4)]
            while client.get("/health").json()["unfinished"] < 3:
                time.sleep(0.005)
            server.send_signal(signal.SIGTERM)
            assert [one.result().status_code for one in running] == [200] * 4
        assert server.wait(30) == 0
    assert log.read_text().count("\n") == 1, log.read_text()


def test_an_address_that_is_taken_is_one_line() -> None:
    with bound("127.0.0.1", 0) as other:
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            InputError, match=rf"127.0.0.1 port {port} \(Address already in use\); "
        ):
            bound("127.0.0.1", port)
    with pytest.raises(InputError, match=r"cannot listen on 192.0.2.1 port 0"):
        bound("192.0.2.1", 0)


@pytest.mark.parametrize(
    ("host", "token", "message"),
    [
        ("0.0.0.0", None, "others can reach it; set GNER_SERVE_TOKEN"),
        ("192.168.1.7", None, "others can reach it"),
        ("example.org", None, "others can reach it"),
        ("127.0.0.1", "short", "at least 16 printable"),
        ("0.0.0.0", "with blanks in its midst", "without blanks"),
        ("0.0.0.0", "naïve-token-of-a-test", "ASCII"),
    ],
)
def test_a_network_needs_a_token(
    host: str, token: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN, raising=False)
    if token:
        monkeypatch.setenv(TOKEN, token)
    with pytest.raises(InputError, match=message) as fault:
        token_for(host)
    assert not token or token not in str(fault.value)


def test_a_token_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN, raising=False)
    assert token_for("localhost") is None
    monkeypatch.setenv(TOKEN, "a-token-of-a-test")
    assert token_for("0.0.0.0") == "a-token-of-a-test"


def test_settings_survive_the_command_line(tiny_llama: TinyModel) -> None:
    about = Description(version=VERSION, backbone=tiny_llama.backbone, target=BIO, types=("東京",))
    settings = Settings(
        checkpoint="/a b/ç", about=about, package=None, beams=2, batch=3, device=None, dtype="float32",
        host="::1", port=8000, queue=1, timeout=1.5, characters=9,
    )  # fmt: skip
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
    assert json.loads(settings.model_dump_json())["about"]["types"] == ["東京"]
