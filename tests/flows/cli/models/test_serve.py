"""`gner serve` becomes the server of a checkpoint, with what the command line says."""

import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from gner_core.config.checkpoint import VERSION, Description, describe
from gner_core.serving.settings import TOKEN, Settings
from gner_core.systems.gner.targets import BIO
from tests.gner_core.conftest import backbone


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GNER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GNER_STORE", raising=False)
    monkeypatch.delenv(TOKEN, raising=False)
    about = Description(
        version=VERSION, backbone=backbone("decoder_only"), target=BIO, types=("x",)
    )
    (tmp_path / "model").mkdir()
    describe(tmp_path / "model", about)
    return tmp_path / "model"


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The program, arguments and environment that replaced the process."""
    became: list[Any] = []
    monkeypatch.setattr("tasks.standalone.serve.os.execve", lambda *given: became.extend(given))
    return became


def test_the_server_takes_the_place_of_the_command(checkpoint: Path, became: list[Any]) -> None:
    done = CliRunner().invoke(
        app,
        ["serve", str(checkpoint), "--port", "0", "--beams", "3", "--queue", "5", "--timeout", "7"],
    )
    assert done.exit_code == 0, done.output
    program, (_, *module, given), environment = became
    assert (program, module) == (sys.executable, ["-m", "gner_core.serving"])
    assert environment["GOMP_SPINCOUNT"] == "1000"  # else waiting threads starve the event loop
    settings = Settings.model_validate_json(given)
    assert settings.checkpoint == str(checkpoint)
    assert (settings.host, settings.port, settings.beams) == ("127.0.0.1", 0, 3)
    assert (settings.queue, settings.timeout, settings.dtype) == (5, 7, None)


def test_a_token_is_never_on_the_command_line(
    checkpoint: Path, became: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN, "a-secret-of-this-test")
    done = CliRunner().invoke(app, ["serve", str(checkpoint), "--host", "0.0.0.0"])
    assert done.exit_code == 0, done.output
    assert not any("a-secret" in argument for argument in became[1])
    assert became[2][TOKEN] == "a-secret-of-this-test"


def test_an_open_host_without_a_token_is_refused(checkpoint: Path, became: list[Any]) -> None:
    done = CliRunner().invoke(app, ["serve", str(checkpoint), "--host", "0.0.0.0"])
    assert done.exit_code == 2
    assert done.stderr.startswith("gner: --host 0.0.0.0: others can reach it; set GNER_SERVE_TOKEN")
    assert became == []
