"""Child process that imports a backbone."""

from pathlib import Path
from typing import Any

from gner_core.backbones.importing import import_backbone
from gner_core.config.backbone import BackboneParams
from gner_core.config.checkpoint import VERSION, Description, describe
from gner_core.records import Sentence, read_sentences
from gner_core.runtime.worker import Report, Request, run_worker
from gner_core.systems.gner.prompts import prompt
from gner_core.systems.gner.targets import BIO, target


class ImportRequest(Request):
    """A backbone to import."""

    backbone: BackboneParams
    sentences: tuple[str, ...]
    """Parquet files of sentences on which a random model's tokenizer is trained."""
    package: str | None
    """The environment of GLiNER, for its checkpoints."""


def work(request: ImportRequest, report: Report) -> dict[str, Any]:
    """Fill the output folder with weights, tokenizer and their description."""
    sentences = [s for file in request.sentences for s in read_sentences(Path(file))]
    report(0, 1)
    import_backbone(
        request.backbone,
        folder=Path(request.output),
        texts=[_text(sentence) for sentence in sentences],
        package=Path(request.package) if request.package else None,
    )
    backbone = Description(version=VERSION, backbone=request.backbone, target=None, types=())
    describe(Path(request.output), backbone)
    report(1, 1)
    return {}


def _text(sentence: Sentence) -> str:
    asked = prompt(sentence.words, sentence.types, BIO)
    return f"{asked}\n{target(sentence.words, sentence.tags, BIO)}"


def main(path: str) -> None:
    """Run as a worker: `path` is the request file."""
    run_worker(path, ImportRequest, work)
