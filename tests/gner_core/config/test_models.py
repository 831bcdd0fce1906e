"""Models files: those of released checkpoints, and how a name finds its file."""

from pathlib import Path

import pytest
import yaml

from gner_core.config.backbone import HubModel
from gner_core.config.checkpoint import DESCRIPTION
from gner_core.config.model_file import ModelFile
from gner_core.config.reading.kinds import refuse_other_kind
from gner_core.config.reading.models import RELEASED, foreign_model, read_model_file, released_file
from gner_core.errors import InputError
from gner_core.reports.paper.numbers import find

FILES = sorted(RELEASED.glob("*.yaml"))
TABLES = {"table-2": "Table 2", "table-3": "Table 3"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_released_checkpoint_says_what_it_is(file: Path) -> None:
    model = read_model_file(file)
    assert isinstance(model.source, HubModel)
    assert released_file(model.source.repo) == file
    assert model.source.is_pinned or model.source.revision == "unverified"
    assert model.licence
    assert model.system
    assert (model.family == "encoder") == (model.system.kind == "gliner") == (model.shape is None)
    about = model.description()
    assert about.trained_for == model.system
    assert about.backbone.name == model.name
    for table, name in model.paper.items():
        assert next(find(TABLES[table], system=name, corpus="mean")).value > 0


def test_the_systems_of_the_paper_are_all_there() -> None:
    models = [read_model_file(file) for file in FILES]
    named = {name for model in models for name in model.paper.values()}
    compared = {row.system for row in find("Table 2")}
    assert compared - named == {"ChatGPT", "UniNER-13B"}  # neither has weights that are public
    assert len({model.source for model in models}) == len(models)
    assert sum(model.parameters for model in models if "xxl" in model.name) > 11e9


def test_a_name_is_a_file_a_folder_or_a_repository(tmp_path: Path) -> None:
    file = RELEASED / "gner-t5-large.yaml"
    by_file = foreign_model(str(file))
    assert by_file and by_file == foreign_model("dyyyyyyyy/GNER-T5-large")
    at = foreign_model("dyyyyyyyy/gner-t5-large@0123456789abcdef")
    assert at and isinstance(at.source, HubModel)
    assert (at.source.revision, at.source.is_pinned) == ("0123456789abcdef", True)
    assert at.system == by_file.system
    folder = tmp_path / "plain"
    folder.mkdir()
    plain = foreign_model(str(folder), file)
    assert plain and plain.source.kind == "folder"
    assert plain.name == "GNER-T5-large"
    for own in ("train/7ca3c3ad", "champion", "tiny, decode.beams=4", "us/unknown"):
        assert foreign_model(own) is None
    (folder / DESCRIPTION).write_text("{}")
    assert foreign_model(str(folder)) is None


def test_fields_go_over_those_of_a_models_file(tmp_path: Path) -> None:
    changed = foreign_model("ZWK/InstructUIE", {"system": {"dataset": "CrossNER_AI"}})
    plain = foreign_model("ZWK/InstructUIE")
    assert changed and plain and changed.system and plain.system
    assert changed.system == plain.system.model_copy(update={"dataset": "CrossNER_AI"})
    assert changed.source == plain.source
    fields = yaml.safe_load((RELEASED / "gner-t5-base.yaml").read_text())
    whole = foreign_model(str(tmp_path), {k: v for k, v in fields.items() if k != "source"})
    assert isinstance(whole, ModelFile)
    with pytest.raises(InputError, match=r"about: missing: name, parameters, family"):
        foreign_model(str(tmp_path), {"dtype": "float32"})
    with pytest.raises(InputError, match="leave out what `about` says"):
        foreign_model("champion", {"dtype": "float32"})


def test_faults_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no-such.yaml: cannot be read"):
        foreign_model(str(tmp_path / "no-such.yaml"))
    with pytest.raises(InputError, match=r"a checkpoint file, no experiment; test it in an exper"):
        refuse_other_kind(yaml.safe_load(FILES[0].read_text()), FILES[0])
