"""Using artifacts outside of experiments: which one is meant, and the child process that loads it.

Owns finding a checkpoint or predictions, and asking the worker. The work is in
`gner_core.predicting`, which this process never imports with its model.

Example:
    folder = find_checkpoint("train/4f6c…")
    found = predict(folder, ["Ada waves"], ("person",), beams=1, batch=16, on_event=print)
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from gner_core.checkpoint import DESCRIPTION
from gner_core.errors import InputError
from gner_core.predicting.entities import Entity
from gner_core.store import ArtifactRef, Store
from tasks.home import open_store
from tasks.launch import Event, Workers

WORKER = "gner_core.predicting.worker"
ENTITIES, PREDICTIONS = "entities.jsonl", "predictions.parquet"
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


def predict(
    checkpoint: Path,
    texts: Sequence[str],
    types: Sequence[str],
    *,
    beams: int,
    batch: int,
    on_event: Callable[[Event], None],
) -> list[list[Entity]]:
    """Return the entities of every text, found by a child process.

    Raises:
        InputError: for an unusable checkpoint, types or texts.
        RuntimeError: when the child process died.
    """
    with tempfile.TemporaryDirectory(prefix="gner-predict-") as place, Workers() as workers:
        folder = Path(place)
        (folder / "texts.json").write_text(json.dumps(list(texts)))
        request = {
            "output": place,
            "scratch": place,
            "threads": None,
            "checkpoint": str(checkpoint.absolute()),
            "texts": str(folder / "texts.json"),
            "types": list(types),
            "beams": beams,
            "batch": batch,
        }
        workers.run(WORKER, request, on_event=on_event)
        lines = (folder / ENTITIES).read_text(encoding="utf-8").splitlines()
    return [[Entity(**values) for values in json.loads(line)] for line in lines]
