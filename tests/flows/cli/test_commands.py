"""Names of commands, exit codes and messages stay what they are, but where a change is meant."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from tests.flows.cli.commands import FILE, all_commands, answers

RECORDED = json.loads(FILE.read_text())


def test_the_commands_are_those_recorded() -> None:
    assert all_commands() == RECORDED["commands"]


def test_wrong_inputs_get_the_recorded_code_and_message(tmp_path: Path) -> None:
    assert answers(tmp_path) == RECORDED["wrong"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("score", "{}"),
        ("score", "pyproject.toml", "--tokenizer", "{}"),
        ("data", "check", "{}"),
        ("init", "{}"),
        ("run", "params/demo.yaml", "--set", "backbone={}"),
        ("predict", "{}"),
    ],
)
def test_a_name_that_is_too_long_for_a_file_is_one_line(arguments: tuple[str, ...]) -> None:
    name = "long" * 100
    done = CliRunner().invoke(app, [one.format(name) for one in arguments])
    assert done.exit_code == 2
    assert f"{name}: a name too long for a file" in done.stderr
    assert done.stderr.count("\n") == 1
