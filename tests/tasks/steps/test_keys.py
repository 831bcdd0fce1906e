"""Keys stay what they are: a change that orphans the artifacts of every store must be meant."""

import json
from pathlib import Path

import pytest

from tests.tasks.steps.keys import FILE, PLANNED, other_keys, planned_keys

PINNED = json.loads(FILE.read_text())


@pytest.mark.parametrize("name", PLANNED)
def test_the_keys_of_an_experiment_or_sweep_are_those_pinned(
    name: str, root: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "real-small":
        request.getfixturevalue("shared")
    monkeypatch.chdir(root)
    assert planned_keys(name) == PINNED[name]


def test_the_keys_of_checkpoints_and_of_fixed_tests_are_those_pinned(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    assert other_keys() == PINNED["other"]
