"""Entities in texts, and the labels of tagged sentences, found by a child process."""

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from gner_core.artifact_files import ANSWERS, ENTITIES, PREDICTIONS, SENTENCES
from gner_core.config.reading.defaults import defaults
from gner_core.config.systems.any import DecodeParams, RatingParams
from gner_core.config.systems.gner import GnerSystem
from gner_core.errors import InputError
from gner_core.predicting.entities import Entity, checked_types
from gner_core.predicting.faults import CUT_OFF, told
from gner_core.predicting.loading.system import Predicting, predicting_system
from gner_core.records import (
    Sentence,
    confidence_of,
    read_answers,
    read_predictions,
    spans_of,
    tags_of,
    write_predictions,
    write_sentences,
)
from gner_core.scoring.doubts import Seen
from gner_core.scoring.file_pairs import OwnFile, read_own
from gner_core.scoring.files import FileScores, FileScoring, score_answered, score_file
from gner_core.systems.registry import reader
from gner_core.type_names import type_key
from tasks.checkpoints.foreign import Usable, package_of_system
from tasks.progress import logger
from tasks.steps.step import values
from tasks.workers import Event, Workers

WORKER, GENERATION = "gner_core.predicting.worker", "gner_core.generation.worker"
SEED = 1
"""Of the order of the types in a prompt."""


def predict(
    checkpoint: Usable,
    texts: Sequence[str],
    types: Sequence[str],
    *,
    threshold: Mapping[str, float],
    beams: int,
    rating: RatingParams,
    batch: int,
    on_event: Callable[[Event], None],
) -> list[list[Entity]]:
    """Return the entities of every text; what of the answers is no entity is logged in a line.

    Args:
        threshold: the least confidence of an entity that is kept, for the types that have one.

    Raises:
        InputError: for an unusable checkpoint, types or texts, beams or ratings of labels without
            guided decoding, and a threshold for a system without confidences.
        RuntimeError: when the child process died.
    """
    about = checkpoint.about
    system = predicting_system(about, beams=beams, folder=checkpoint.folder, rating=rating)
    with tempfile.TemporaryDirectory(prefix="gner-predict-") as scratch, Workers() as workers:
        folder = Path(scratch)
        (folder / "texts.json").write_text(json.dumps(list(texts)))
        request = {
            "output": scratch,
            "scratch": scratch,
            "threads": None,
            "checkpoint": str(checkpoint.folder.absolute()),
            "about": values(about),
            "texts": str(folder / "texts.json"),
            "types": list(types),
            "threshold": dict(threshold),
            "beams": beams,
            "rating": values(rating),
            "batch": batch,
            "package": package_of_system(system),
        }
        result = workers.run(WORKER, request, on_event=on_event)
        with (folder / ENTITIES).open(encoding="utf-8") as lines:  # a text may hold U+2028
            entities = [[Entity(**one) for one in json.loads(line)] for line in lines]
    _tell(result["faults"])
    return entities


def sentences_to_test(file: Path, types: Sequence[str], *, without: Sequence[str]) -> OwnFile:
    """Return the tagged sentences of a file with the types to look for.

    Args:
        types: types, or labels of the file; none for all that occur in it.
        without: types, or labels of the file, that are left out of the scores.

    Raises:
        InputError: when the file cannot be read, has entities of types that are not looked for, or
            no type that is to be left out.
    """
    own = read_own(file)
    counts = Counter(span.label for s in own.sentences for span in spans_of(s.tags))
    if not types and not counts:
        raise InputError(
            f"{file}: has no entity, so that it names no types; name them with --types"
        )
    wanted = checked_types([own.plain(name) for name in types] or sorted(counts))
    left = [own.plain(name) for name in without]
    Seen(asked={*wanted, *counts}).check_left_out(left, ("pair", "span"))
    apart = {type_key(name) for name in left}
    others = [name for name in counts if name not in wanted and type_key(name) not in apart]
    if others:
        shown = ", ".join(f"{name} ({counts[name]:,})" for name in sorted(others))
        raise InputError(
            f"{file}: has entities of types that are not looked for: {shown}; add them to the "
            "types, or leave them out of the scores with --leave-out"
        )
    sentences = [replace(sentence, types=wanted) for sentence in own.sentences]
    return replace(own, sentences=sentences)


def scores_of(
    checkpoint: Usable,
    sentences: Sequence[Sentence],
    setup: FileScoring,
    *,
    threshold: Mapping[str, float],
    beams: int,
    rating: RatingParams,
    batch: int,
    on_event: Callable[[Event], None],
) -> FileScores:
    """Predict tagged sentences as an experiment does, and return their scores.

    Sentences over the limits of the checkpoint are skipped, and count as without entities. Of a
    system beside gner, the own metric is counted, too, and what is no entity is logged in a line.

    Args:
        threshold: the least confidence of an entity that is kept, for the types that have one.

    Raises:
        InputError: for an unusable checkpoint, and for beams, ratings of labels or a threshold
            without guided decoding.
        RuntimeError: when the child process died.
    """
    about = checkpoint.about
    system = predicting_system(about, beams=beams, folder=checkpoint.folder, rating=rating)
    if threshold and not isinstance(system, GnerSystem):
        raise InputError(
            f"--threshold: is for checkpoints of gner, this one is of the system {system.kind}; "
            "leave it out"
        )
    mode: Literal["free", "guided"] = "guided" if isinstance(system, GnerSystem) else "free"
    decode = DecodeParams(mode=mode, beams=beams, too_long="skip", seed=SEED, **dict(rating))
    with tempfile.TemporaryDirectory(prefix="gner-test-") as scratch, Workers() as workers:
        folder = Path(scratch)
        request = generation_request(checkpoint, system, sentences, decode, folder, batch=batch)
        workers.run(GENERATION, request, on_event=on_event)
        if isinstance(system, GnerSystem):
            if threshold:
                _keep(folder / PREDICTIONS, threshold)
            return score_file(folder / PREDICTIONS, setup, workers=1, report=lambda _: None)
        answered = read_answers(folder / ANSWERS)
    scores = score_answered(answered, setup, reader(system))
    _tell({**scores.answers, CUT_OFF: sum(one.finished.count(False) for one in answered)})
    return scores


def generation_request(
    checkpoint: Usable,
    system: Predicting,
    sentences: Sequence[Sentence],
    decode: DecodeParams,
    folder: Path,
    *,
    batch: int,
) -> dict[str, Any]:
    """Return what a worker is asked that decodes tagged sentences, which are written for it.

    Args:
        folder: for the sentences and all that the worker writes.
    """
    execution = defaults()["execution"]
    write_sentences(folder / SENTENCES, sentences)
    return {
        "output": str(folder),
        "scratch": str(folder),
        "threads": None,
        "backbone": values(checkpoint.about.backbone),
        "system": values(system),
        "decode": values(decode),
        "model": str(checkpoint.folder.absolute()),
        "sentences": str(folder / SENTENCES),
        "batch": batch,
        "batch_tokens": execution["generate_tokens"],
        "processes": 1,
        "exact": execution["exact"],
        "package": package_of_system(system),
    }


def _keep(file: Path, threshold: Mapping[str, float]) -> None:
    """Leave the entities out of predictions whose confidence is below that of their type."""
    predictions = []
    for one in read_predictions(file):
        if one.decided is not None and one.probabilities is not None:
            sure = one.probabilities
            spans = [
                span
                for span in spans_of(one.decided)
                if confidence_of(span, sure) >= threshold.get(span.label, 0.0)
            ]
            one = replace(one, decided=tags_of(spans, len(one.words)))  # noqa: PLW2901
        predictions.append(one)
    write_predictions(file, predictions)


def _tell(faults: Mapping[str, int]) -> None:
    if line := told(faults):
        logger().warning("%s", line)
