"""Names of commands, exit codes and messages stay what they are, but where a change is meant."""

import json
from pathlib import Path

from tests.flows.cli.commands import FILE, all_commands, answers

RECORDED = json.loads(FILE.read_text())


def test_the_commands_are_those_recorded() -> None:
    assert all_commands() == RECORDED["commands"]


def test_wrong_inputs_get_the_recorded_code_and_message(tmp_path: Path) -> None:
    assert answers(tmp_path) == RECORDED["wrong"]
