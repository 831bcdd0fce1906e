"""A scan finds foreign checkpoints: new folders below one, and new commits of a repository of the hub."""

import json
from pathlib import Path

import pytest
import yaml

from gner_core.store.artifacts import Store
from tasks.steps.models import Backbone
from tests.flows.known_checkpoints import Place

SYSTEM = {"kind": "gner", "labels": "BIO", "context": "full", "gap": ""}


@pytest.fixture
def about(place: Place) -> Path:
    """The models file of the foreign checkpoints."""
    values = yaml.safe_load((place.root / "params" / "models" / "tiny-t5.yaml").read_text())
    file = place.home / "about.yaml"
    file.write_text(yaml.safe_dump({**values, "system": SYSTEM}))
    return file


def foreign(place: Place, name: str, *, right: float) -> Path:
    """A folder as a training elsewhere leaves it."""
    folder = place.home / "elsewhere" / name
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text(f"{right} 1")
    (folder / "config.json").write_text("{}")
    (folder / "optimizer.pt").write_text("large, and no part of the model")
    return folder


def watching(place: Place, about: Path, **where: str) -> list[str]:
    return [f"scan.foreign={json.dumps({'theirs': {**where, 'about': str(about)}})}"]


def test_folders_that_others_fill_are_evaluated_compared_and_remembered(
    place: Place, about: Path
) -> None:
    there = watching(place, about, folder=f"{place.home}/elsewhere")
    half = foreign(place, "checkpoint-100", right=0.5)
    (place.home / "models").mkdir()
    assert place.verdicts(scan=True, overrides=there) == ["first"]
    (half / "optimizer.pt").write_text("written anew")
    assert place.verdicts(scan=True, overrides=there) == ["first"]
    foreign(place, "checkpoint-200", right=0.9)
    (place.home / "elsewhere" / "tokenizer-only").mkdir()
    (place.home / "elsewhere" / "tokenizer-only" / "config.json").write_text("{}")
    assert place.verdicts(scan=True, overrides=there) == ["first", "better"]
    assert place.champion == "checkpoint-200"
    assert len(place.generated) == 4  # two test sets of each
    worse = place.checkpoint("worse", right=0.3)  # compared with a champion that has no gner.json
    assert place.verdicts(worse) == ["worse"]
    tags = {Path(one.tags["path"]).name: one.tags for one in place.versions()}
    assert json.loads(tags["checkpoint-200"]["about"])["target"]["labels"] == "BIO"
    assert "about" not in tags["worse"]


def test_commits_of_a_repository_are_evaluated_once(
    place: Place, about: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = {"commit": "1" * 40, "right": 0.5}
    monkeypatch.setattr("gner_core.hub.commit_of", lambda *_: newest["commit"])

    def import_it(step: Backbone, store: Store) -> None:
        with store.publish(step.ref, about=step.manifest_facts()) as folder:
            (folder / "model.safetensors").write_text(f"{newest['right']} 1")

    monkeypatch.setattr("tasks.checkpoints.foreign._import", import_it)
    there = watching(place, about, hub="us/theirs")
    (place.home / "models").mkdir()
    assert place.verdicts(scan=True, overrides=there) == ["first"]
    newest |= {"commit": "2" * 40}  # a commit that changes no weights
    assert place.verdicts(scan=True, overrides=there) == ["first"]
    assert len(place.generated) == 2
    newest |= {"commit": "3" * 40, "right": 0.9}
    assert place.verdicts(scan=True, overrides=there) == ["first", "better"]
    assert len(place.generated) == 4
    steps = {one.tags["step"].split("/")[0] for one in place.versions()}
    assert steps == {"backbone"}


def test_a_place_that_is_not_there_is_named(place: Place, about: Path) -> None:
    (place.home / "models").mkdir()
    nowhere = watching(place, about, folder=f"{place.home}/nowhere")
    with pytest.raises(
        Exception, match=r"nowhere: scan\.foreign names it, and there is no such folder"
    ):
        place.reevaluate(scan=True, overrides=nowhere)
