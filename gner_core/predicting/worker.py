"""Child process that finds entities.

The output folder gets `entities.jsonl`: a list of entities per text, in order.
"""

import json
from pathlib import Path
from typing import Any

import torch

from gner_core.predicting.predictor import load
from gner_core.runtime.worker import Report, Request, run_worker

ENTITIES = "entities.jsonl"


class PredictRequest(Request):
    """Texts in which a checkpoint finds entities."""

    checkpoint: str
    """Folder of the checkpoint."""
    texts: str
    """JSON file with a list of texts."""
    types: tuple[str, ...]
    beams: int
    batch: int


def work(request: PredictRequest, report: Report) -> dict[str, Any]:
    """Predict and write the entities."""
    if request.threads:
        torch.set_num_threads(request.threads)
    texts: list[str] = json.loads(Path(request.texts).read_text(encoding="utf-8"))
    predictor = load(Path(request.checkpoint), beams=request.beams, batch=request.batch)
    found = predictor.predict(texts, request.types, report=report)
    lines = [json.dumps([e.values() for e in entities], ensure_ascii=False) for entities in found]
    (Path(request.output) / ENTITIES).write_text("".join(f"{line}\n" for line in lines))
    return {"texts": len(texts)}


def main(path: str) -> None:
    """Run as a worker: `path` is the request file."""
    run_worker(path, PredictRequest, work)
