"""Keys stay what they are: a change that orphans the artifacts of every store must be meant."""

import json
from pathlib import Path

import pytest

from gner_core.config.reading.files import read_catalog
from tasks.steps.data import plan_corpus
from tests.tasks.steps.keys import FILE, PLANNED, other_keys, planned_keys

PINNED = json.loads(FILE.read_text())


@pytest.mark.parametrize("name", PLANNED)
def test_the_keys_of_an_experiment_or_sweep_are_those_pinned(
    name: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    assert planned_keys(name) == PINNED[name]


def test_the_keys_of_checkpoints_and_of_fixed_tests_are_those_pinned(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    assert other_keys() == PINNED["other"]


def test_the_order_of_the_types_of_a_corpus_is_in_its_key(root: Path) -> None:
    """Prompts are drawn from it."""
    corpus = read_catalog(root / "params" / "corpora" / "demo.yaml")["news"]
    assert not isinstance(corpus.labels, str)
    other = corpus.model_copy(update={"labels": dict(reversed(corpus.labels.items()))})
    assert other == corpus
    keys = {plan_corpus("news", one, "package").ref.key for one in (corpus, other)}
    assert len(keys) == 2
