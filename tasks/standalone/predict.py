"""Entities in texts, found by a child process."""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from gner_core.predicting.entities import Entity
from tasks.workers import Event, Workers

WORKER = "gner_core.predicting.worker"
ENTITIES = "entities.jsonl"


def predict(
    checkpoint: Path,
    texts: Sequence[str],
    types: Sequence[str],
    *,
    beams: int,
    batch: int,
    on_event: Callable[[Event], None],
) -> list[list[Entity]]:
    """Return the entities of every text.

    Raises:
        InputError: for an unusable checkpoint, types or texts.
        RuntimeError: when the child process died.
    """
    with tempfile.TemporaryDirectory(prefix="gner-predict-") as scratch, Workers() as workers:
        folder = Path(scratch)
        (folder / "texts.json").write_text(json.dumps(list(texts)))
        request = {
            "output": scratch,
            "scratch": scratch,
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
