"""A checkpoint of GLiNER finds entities in texts and is tested, with the scores of its package."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from gner_core.config.backbone import BackboneParams
from gner_core.config.checkpoint import VERSION, Description
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.predicting.loading.folder import load_folder
from gner_core.systems.gliner.environment import environment_of
from tasks.paths import home_folder
from tests.flows.conftest import Home

TEXT = "Ada  Lovelace flew to Rome, and Bo waits in the Alps."
TYPES = ("person", "city")
TAGGED = "Ada\tB-PER\nwaves\tO\nto\tO\nRome\tB-LOC\n\nBo\tB-PER\nwaits\tO\n"


@pytest.fixture
def file(tiny: Path, tmp_path: Path) -> Path:
    """The models file of the tiny model."""
    values = {
        "name": "tiny GLiNER",
        "parameters": 1,
        "family": "encoder",
        "source": {"kind": "folder", "path": str(tiny)},
        **dict.fromkeys(("prompt_before", "prompt_after"), ""),
        **dict.fromkeys(("max_source_tokens", "max_target_tokens"), 384),
        "dtype": "float32",
        "system": {"kind": "gliner", "threshold": 0.4, "type_names": None},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(json.dumps(values))
    return path


def test_commands_take_a_checkpoint_of_gliner(file: Path, root: Path) -> None:
    home = Home(home_folder(), root)
    used = home.gner("predict", str(file), "-", "--format", "json", "--types", "person, city", given=TEXT)  # fmt: skip
    assert used.code == 0, used.err
    entities = json.loads(used.out)["entities"]
    assert entities
    assert all(TEXT[e["start"] : e["end"]] == e["text"] for e in entities)
    assert all(0.4 < e["confidence"] < 1 for e in entities)
    assert all(a["end"] <= b["start"] for a, b in pairwise(entities))
    own = file.parent / "own.tsv"
    own.write_text(TAGGED)
    tested = home.gner("test", str(file), str(own), "--json")
    assert tested.code == 0, tested.err
    found = json.loads(tested.out)
    assert (found["answers"]["calls"], found["pair"]["micro"]["gold"]) == (2, 3)


def test_long_texts_are_cut_by_words_and_tokens(
    file: Path, tiny: Path, params: GlinerSystem
) -> None:
    values = json.loads(file.read_text())
    del values["system"]
    backbone = BackboneParams.model_validate(values)
    about = Description(version=VERSION, backbone=backbone, target=None, system=params, types=TYPES)
    model = load_folder(tiny, about=about, beams=1, batch=16, package=environment_of(home_folder()))
    words = ["Ada", "waits", "in", "Rome", "."] * 200
    predicted = model.predict_and_count([words])
    assert predicted.entities[0][-1].end > 900
    assert not predicted.faults["unread"]  # no window was too long
    long, most = words[:300], model.finder.size(words[:300], TYPES)
    assert model.finder.fits(long, TYPES)
    model.finder.engine.facts["most_tokens"] = most - 1  # type: ignore[attr-defined]
    assert not model.finder.fits(long, TYPES)
    assert model.finder.fits(long[:250], TYPES)
