"""Finds a checkpoint or a file of predictions by its path or by the name of an artifact."""

from pathlib import Path

from gner_core.config.checkpoint import DESCRIPTION
from gner_core.errors import InputError
from gner_core.store.artifacts import ArtifactRef, Store
from tasks.paths import open_store

PREDICTIONS = "predictions.parquet"
GENERATE = "generate"
STEPS = ("train", "backbone")
"""Steps whose artifacts are checkpoints."""


def find_checkpoint(name: str) -> Path:
    """Return the folder of a checkpoint that is named by its folder, or by an artifact of the store.

    An artifact is named as `gner run --dry-run` shows it: `train/KEY`, or its key alone.

    Raises:
        InputError: when there is no such checkpoint.
    """
    if Path(name).is_dir():
        if not (Path(name) / DESCRIPTION).is_file():
            raise InputError(
                f"{name}: not a checkpoint of gner, it holds no {DESCRIPTION}; give the folder or "
                "the key of a published step train"
            )
        return Path(name)
    store = open_store()
    return store.fetch(published_checkpoint(name, store))


def published_checkpoint(name: str, store: Store) -> ArtifactRef:
    """Return the artifact that `train/KEY`, or a key alone, names; nothing is fetched.

    Raises:
        InputError: when it is not in the store.
    """
    step, _, key = name.rpartition("/")
    refs = [ArtifactRef(one, key) for one in ([step] if step else STEPS)]
    for ref in refs:
        if ref.step in STEPS and key and store.has(ref):
            return ref
    raise InputError(
        f"{name}: neither a folder nor a checkpoint in the store {store.url}; "
        "gner run PARAMS --dry-run shows the keys of the steps train"
    )


def find_predictions(name: Path) -> Path:
    """Return a file of predictions that is named by its path or as an artifact, `generate/KEY`.

    Raises:
        InputError: when there is no such artifact; whether there is such a file is not checked.
    """
    if name.exists() or name.parent != Path(GENERATE):
        return name
    store, ref = open_store(), ArtifactRef(GENERATE, name.name)
    if not store.has(ref):
        raise InputError(
            f"{name}: neither a file nor an artifact in the store {store.url}; "
            "gner run PARAMS --dry-run shows the keys of the steps generate"
        )
    return store.fetch(ref) / PREDICTIONS
