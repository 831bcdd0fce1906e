"""Child process that finds entities.

The output folder gets `entities.jsonl`: a list of entities per text, in order.
"""

import json
from pathlib import Path
from typing import Any

import torch

from gner_core.artifact_files import ENTITIES
from gner_core.config.checkpoint import Description
from gner_core.config.systems.any import RatingParams
from gner_core.predicting.loading.folder import load_folder
from gner_core.runtime.files import read_json
from gner_core.runtime.worker import Report, Request, run_worker


class PredictRequest(Request):
    """Texts in which a checkpoint finds entities."""

    checkpoint: str
    """Folder of the checkpoint."""
    about: Description
    """What it is."""
    texts: str
    """JSON file with a list of texts."""
    types: tuple[str, ...]
    threshold: dict[str, float]
    """The least confidence of an entity that is kept, for the types that have one."""
    beams: int
    rating: RatingParams
    batch: int
    package: str | None
    """Environment of the system's package, where it has one."""


def work(request: PredictRequest, report: Report) -> dict[str, Any]:
    """Predict and write the entities."""
    if request.threads:
        torch.set_num_threads(request.threads)
    texts: list[str] = read_json(Path(request.texts))
    folder, about = Path(request.checkpoint), request.about
    predictor = load_folder(
        folder,
        about=about,
        beams=request.beams,
        rating=request.rating,
        batch=request.batch,
        package=Path(request.package) if request.package else None,
    )
    threshold = request.threshold or None
    found = predictor.predict_and_count(texts, request.types, threshold=threshold, report=report)
    lines = [
        json.dumps([e.to_dict() for e in entities], ensure_ascii=False)
        for entities in found.entities
    ]
    text = "".join(f"{line}\n" for line in lines)
    (Path(request.output) / ENTITIES).write_text(text, encoding="utf-8")
    return {"texts": len(texts), "faults": dict(found.faults)}


def main(path: str) -> None:
    """Run as a worker: `path` is the request file."""
    run_worker(path, PredictRequest, work)
