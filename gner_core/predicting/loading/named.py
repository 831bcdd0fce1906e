"""Finds and loads a checkpoint by its folder, its models file or its name on the hub."""

import os
import warnings
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from gner_core.backbones.importing import import_backbone
from gner_core.backbones.quiet import without_progress_bars
from gner_core.config.backbone import BackboneParams, FolderSource, HubSource
from gner_core.config.checkpoint import Description
from gner_core.config.reading.models import foreign_model
from gner_core.config.systems.any import RatingParams
from gner_core.errors import InputError
from gner_core.hub import has_safetensors, pinned, snapshot
from gner_core.predicting.loading.folder import load_folder
from gner_core.predicting.predictor import Predictor


@without_progress_bars()
def load(
    checkpoint: str | os.PathLike[str],
    *,
    about: str | os.PathLike[str] | Description | None,
    beams: int,
    batch: int,
    device: str | torch.device | None,
    dtype: str | torch.dtype | None,
    rating: RatingParams,
) -> Predictor:
    """Load a checkpoint; arguments and errors are those of `gner_core.load`.

    Weights in another form than safetensors are imported into a folder that is deleted again.
    """
    loaded = partial(
        load_folder, beams=beams, batch=batch, device=device, dtype=dtype, rating=rating
    )
    if not isinstance(checkpoint, str | os.PathLike):
        raise InputError(f"checkpoint is {checkpoint!r}; give a folder, a models file or a name")
    name = os.fspath(checkpoint)
    if isinstance(about, Description):
        return loaded(Path(name), about=about)
    model = foreign_model(name, None if about is None else Path(about))
    if model is None:
        return loaded(Path(name), about=None)
    named, model = model, pinned(model)
    if named.source != model.source:
        warnings.warn(f"{model.name}: its newest commit is taken, {model.source}", stacklevel=4)
    said, folder = model.description(), _in_place(model.backbone)
    if folder:
        return loaded(folder, about=said)
    with TemporaryDirectory(prefix="gner-import-") as scratch:
        import_backbone(model.backbone, folder=Path(scratch), texts=())
        return loaded(Path(scratch), about=said)


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
