"""Entities in texts, and the labels of tagged sentences, found by a child process."""

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gner_core.config.checkpoint import description_of
from gner_core.config.reading.defaults import defaults
from gner_core.config.system import DecodeParams
from gner_core.errors import InputError
from gner_core.predicting.entities import Entity, checked_types
from gner_core.records import Sentence, spans_of, write_sentences
from gner_core.scoring.file_pairs import read_own
from gner_core.systems.gner.targets import BIO
from tasks.workers import Event, Workers

WORKER, GENERATION = "gner_core.predicting.worker", "gner_core.generation.worker"
ENTITIES, PREDICTIONS = "entities.jsonl", "predictions.parquet"
SEED = 1
"""Of the order of the types in a prompt."""


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


def sentences_to_test(
    file: Path, types: Sequence[str], *, without: Sequence[str]
) -> list[Sentence]:
    """Return the tagged sentences of a file with the types to look for.

    Args:
        types: types, or labels of the file; none for all that occur in it.
        without: types that are left out of the scores.

    Raises:
        InputError: when the file cannot be read, or has entities of types that are not looked for.
    """
    own = read_own(file)
    counts = Counter(span.label for s in own.sentences for span in spans_of(s.tags))
    wanted = checked_types([own.types.get(name, name) for name in types] or sorted(counts))
    others = counts.keys() - {*wanted, *without, *(own.types.get(name) for name in without)}
    if others:
        shown = ", ".join(f"{name} ({counts[name]:,})" for name in sorted(others))
        raise InputError(
            f"{file}: has entities of types that are not looked for: {shown}; add them to the "
            "types, or leave them out of the scores with --leave-out"
        )
    return [replace(sentence, types=wanted) for sentence in own.sentences]


@contextmanager
def predictions_for(
    checkpoint: Path,
    sentences: Sequence[Sentence],
    *,
    beams: int,
    batch: int,
    on_event: Callable[[Event], None],
) -> Iterator[Path]:
    """Give a file of predictions for tagged sentences, which exists as long as the block.

    Sentences over the limits of the checkpoint are skipped, and count as without entities.

    Raises:
        InputError: for an unusable checkpoint.
        RuntimeError: when the child process died.
    """
    about = description_of(checkpoint)
    if about.target not in (None, BIO):
        raise InputError(
            f"{checkpoint}: was trained to write {about.target}; testing needs BIO labels with the "
            "full context"
        )
    decode = DecodeParams(mode="guided", beams=beams, too_long="skip", seed=SEED)
    with tempfile.TemporaryDirectory(prefix="gner-test-") as scratch, Workers() as workers:
        folder = Path(scratch)
        write_sentences(folder / "sentences.parquet", sentences)
        request = {
            "output": scratch,
            "scratch": scratch,
            "threads": None,
            "backbone": about.backbone.model_dump(mode="json"),
            "target": BIO.model_dump(mode="json"),
            "decode": decode.model_dump(mode="json"),
            "model": str(checkpoint.absolute()),
            "sentences": str(folder / "sentences.parquet"),
            "batch": batch,
            "batch_tokens": defaults()["execution"]["generate_tokens"],
            "processes": 1,
            "exact": defaults()["execution"]["exact"],
        }
        workers.run(GENERATION, request, on_event=on_event)
        yield folder / PREDICTIONS
