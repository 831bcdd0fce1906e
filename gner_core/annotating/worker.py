"""Child process that has loaded a checkpoint, and finds the entities of part after part."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from gner_core.annotating.protocol import Found, answer_parts
from gner_core.backbones.number_format import number_format
from gner_core.config.checkpoint import Description
from gner_core.errors import InputError
from gner_core.generation.guided.costs import NOMINAL
from gner_core.predicting.loading.folder import load_folder
from gner_core.predicting.predictor import Predictor
from gner_core.predicting.prepared import Prepared
from gner_core.predicting.requests import TextRequest
from gner_core.runtime.gpus import use_gpus
from gner_core.runtime.machine import took_gpus
from gner_core.runtime.worker import COMPUTED_IN, Report, Request, run_worker


class AnnotateRequest(Request):
    """A checkpoint, and what to look for with it."""

    checkpoint: str
    """Folder of the checkpoint."""
    about: Description
    """What it is."""
    types: tuple[str, ...]
    beams: int
    batch: int
    package: str | None
    """Environment of the system's package, where it has one."""
    socket: str
    """Path of the socket."""


def work(request: AnnotateRequest, report: Report) -> dict[str, Any]:
    """Load the checkpoint, and answer until the connection ends."""
    took_gpus(Path(request.scratch), use_gpus(1, purpose="annotate", share=True))
    if request.threads:
        torch.set_num_threads(request.threads)
    predictor = load_folder(
        Path(request.checkpoint),
        about=request.about,
        beams=request.beams,
        batch=request.batch,
        package=Path(request.package) if request.package else None,
        costs=NOMINAL,
    )
    predictor.predict_and_count([], request.types)  # too many types: before any text is read

    def find(texts: list[str]) -> Found:
        return found_in(predictor, texts, request.types, report)

    computed_in = number_format(request.about.backbone, exact=False)
    answer_parts(request.socket, find, facts={COMPUTED_IN: computed_in})
    return {}


def found_in(
    predictor: Predictor, texts: Sequence[str], types: Sequence[str], report: Report
) -> Found:
    """Return what is found in texts; one with a word over the limits of the model is left out."""
    prepared: dict[int, Prepared] = {}
    not_read = []
    for number, text in enumerate(texts):
        try:
            prepared[number] = predictor.prepare(TextRequest(text, types))
        except InputError as error:
            not_read.append((number, str(error)))
    answers = dict(
        zip(prepared, predictor.answers([*prepared.values()], report=report), strict=True)
    )
    entities = [
        answers[number].entities.to_dicts() if number in answers else None
        for number in range(len(texts))
    ]
    faults = sum((one.faults for one in answers.values()), Counter[str]())
    return Found(entities, faults, not_read)


def main(path: str) -> None:
    """Run as a worker: `path` is the request file."""
    run_worker(path, AnnotateRequest, work)
