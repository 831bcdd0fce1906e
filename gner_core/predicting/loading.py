"""Finds and loads a checkpoint by its folder, its models file or its name on the hub."""

import os
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from gner_core.backbones.importing import import_backbone
from gner_core.config.backbone import BackboneParams, FolderSource, HubSource
from gner_core.config.checkpoint import Description
from gner_core.config.reading.models import foreign_model
from gner_core.hub import has_safetensors, pinned, snapshot
from gner_core.predicting import predictor
from gner_core.predicting.predictor import Predictor


def load(
    checkpoint: str | os.PathLike[str],
    *,
    about: str | os.PathLike[str] | Description | None,
    beams: int,
    batch: int,
) -> Predictor:
    """Load a checkpoint; arguments and errors are those of `gner_core.load`.

    Weights in another form than safetensors are imported into a folder that is deleted again.
    """
    name = os.fspath(checkpoint)
    if isinstance(about, Description):
        return predictor.load(Path(name), about=about, beams=beams, batch=batch)
    model = foreign_model(name, None if about is None else Path(about))
    if model is None:
        return predictor.load(Path(name), beams=beams, batch=batch)
    named, model = model, pinned(model)
    if named.source != model.source:
        warnings.warn(f"{model.name}: its newest commit is taken, {model.source}", stacklevel=3)
    said, folder = model.description(), _in_place(model.backbone)
    if folder:
        return predictor.load(folder, about=said, beams=beams, batch=batch)
    with TemporaryDirectory(prefix="gner-import-") as scratch:
        import_backbone(model.backbone, folder=Path(scratch), texts=())
        return predictor.load(Path(scratch), about=said, beams=beams, batch=batch)


def _in_place(params: BackboneParams) -> Path | None:
    """Return the folder of weights that can be used where they are."""
    source = params.source
    if isinstance(source, HubSource):
        folder = snapshot(source.repo, source.revision)
    elif isinstance(source, FolderSource):
        folder = Path(source.path)
    else:
        return None
    return folder if has_safetensors(folder) else None
