"""A checkpoint of GLiNER is imported with the configuration and tokenizer of its encoder."""

from pathlib import Path
from typing import Any

import pytest

from gner_core.backbones import importing
from gner_core.config.backbone import GlinerSource
from gner_core.config.reading.models import RELEASED, read_model_file
from gner_core.errors import InputError
from tasks.steps.models import plan_backbone


def test_what_an_import_of_gliner_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = read_model_file(RELEASED / "gliner-large-v2.1.yaml")
    assert isinstance(model.source, GlinerSource)
    asked: dict[str, Any] = {}
    monkeypatch.setattr(importing, "snapshot", lambda repo, revision: Path(repo))
    monkeypatch.setattr(importing, "snapshot_without_weights", lambda repo, revision: Path(repo))
    monkeypatch.setattr(
        importing, "complete", lambda package, **paths: asked.update(package=package, **paths)
    )
    with pytest.raises(InputError, match=r"urchade/gliner_large-v2.1: its import needs GLiNER"):
        importing.import_backbone(model.backbone, folder=tmp_path, texts=())
    importing.import_backbone(model.backbone, folder=tmp_path, texts=(), package=Path("own"))
    assert asked == {
        "package": Path("own"),
        "source": Path("urchade/gliner_large-v2.1"),
        "encoder": Path("microsoft/deberta-v3-large"),
        "target": tmp_path,
    }


def test_both_commits_must_be_named() -> None:
    model = read_model_file(RELEASED / "gliner-large-v2.1.yaml")
    assert plan_backbone(model.backbone, sentences=()).unpinned == ()
    encoder = model.source.encoder.model_copy(update={"revision": "unverified"})  # type: ignore[union-attr]
    source = model.source.model_copy(update={"encoder": encoder})
    step = plan_backbone(model.backbone.model_copy(update={"source": source}), sentences=())
    assert step.unpinned == ("urchade/gliner_large-v2.1",)
