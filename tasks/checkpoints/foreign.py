"""Checkpoints that gner did not train: named by a hub id, a models file or a plain folder.

Their weights are identified by content (a folder) or by commit (the hub), and imported into the store
once, in an import's own process: pickled weights are read nowhere else. A folder with safetensors is
used where it is.
"""

from pathlib import Path
from typing import Any, NamedTuple

from gner_core.config.backbone import FolderSource, GlinerSource, HubModel
from gner_core.config.checkpoint import Description
from gner_core.config.model_file import ModelFile
from gner_core.config.reading.models import foreign_model
from gner_core.config.systems.base import ComparedSystem
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.config.systems.gner import GnerSystem
from gner_core.hub import has_safetensors, pinned
from gner_core.predicting.loading.system import own_description
from gner_core.store.artifacts import ArtifactRef, Store
from gner_core.systems.gliner.environment import installed
from tasks.checkpoints.find import checkpoint_named
from tasks.paths import home_folder, open_store
from tasks.progress import logger
from tasks.steps.models import Backbone, plan_backbone
from tasks.steps.step import values
from tasks.workers import Workers

IMPORT = "gner_core.backbones.worker"


class Usable(NamedTuple):
    """A checkpoint that can be loaded."""

    folder: Path
    about: Description
    """What its models file says, or its own gner.json."""


def usable(name: str, about: Path | None) -> Usable:
    """Return a checkpoint of gner or a foreign one by its name, fetched and imported if need be.

    Args:
        about: the models file that says what a foreign checkpoint is.

    Raises:
        InputError: when there is no such checkpoint, or nothing says what it is.
    """
    store = open_store()
    model = foreign_model(name, about)
    if model is None:
        found = checkpoint_named(name, store)
        folder = store.folder(found)
        return Usable(folder, own_description(folder))
    model = pinned_and_said(model)
    return Usable(store.folder(weights_of(model, store)), model.description())


def pinned_and_said(model: ModelFile) -> ModelFile:
    """Return a model with the commit of its repository; say which, where none was named.

    Raises:
        InputError: when the hub cannot be asked.
    """
    found = pinned(model)
    if isinstance(found.source, HubModel) and found.source != model.source:
        source = found.source
        logger().warning("%s: newest commit, %s@%s", model.name, source.repo, source.revision)
    return found


def weights_of(model: ModelFile, store: Store) -> Path | ArtifactRef:
    """Return where the weights of a pinned model are, imported if need be.

    Raises:
        InputError: when they cannot be fetched or read.
        RuntimeError: when the import died.
    """
    source = model.source
    if isinstance(source, FolderSource) and has_safetensors(Path(source.path)):
        return Path(source.path)
    return imported(plan_backbone(model.backbone, sentences=()), store)


def imported(step: Backbone, store: Store) -> ArtifactRef:
    """Import a model that needs no sentences, unless that is done; return where it is.

    Raises:
        InputError: when it cannot be fetched or read.
        RuntimeError: when the import died.
    """
    with store.lock(step.ref):
        if not store.has(step.ref):
            _import(step, store)
            store.discard(step.ref)
    return step.ref


def package_of_source(step: Backbone) -> str | None:
    """Return the environment of the package that an import needs, where it needs one.

    Raises:
        InputError: where that is not installed.
    """
    needs_one = isinstance(step.params.source, GlinerSource)
    return str(installed(home_folder())) if needs_one else None


def package_of_system(system: GnerSystem | ComparedSystem) -> str | None:
    """Return the environment of a system's package, where it has one.

    Raises:
        InputError: where that is not installed.
    """
    return str(installed(home_folder())) if isinstance(system, GlinerSystem) else None


def _import(step: Backbone, store: Store) -> None:
    logger().info("%s: imported into %s", step.title, store.url)
    with Workers() as workers, store.publish(step.ref, about=step.manifest_facts()) as folder:
        scratch = store.unfinished(step.ref)
        request: dict[str, Any] = {
            "output": str(folder),
            "scratch": str(scratch),
            "threads": None,
            "backbone": values(step.params),
            "sentences": [],
            "package": package_of_source(step),
        }
        workers.run(IMPORT, request)
