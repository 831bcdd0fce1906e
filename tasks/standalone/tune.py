"""Values of decoding that suit tagged sentences, found by a child process."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gner_core.config.scoring import ScoringParams
from gner_core.config.systems.any import DecodeParams, FitParams, RatingParams
from gner_core.config.systems.gner import GnerSystem
from gner_core.errors import InputError
from gner_core.predicting.loading.system import predicting_system
from gner_core.records import Sentence
from tasks.checkpoints.foreign import Usable
from tasks.standalone.predict import SEED, generation_request
from tasks.steps.step import values
from tasks.workers import Event, Workers

WORKER = "gner_core.generation.fit"


def tuned(
    checkpoint: Usable,
    sentences: Sequence[Sentence],
    *,
    penalties: Sequence[float],
    rating: RatingParams,
    beams: int,
    batch: int,
    scoring: ScoringParams,
    on_event: Callable[[Event], None],
) -> dict[str, Any]:
    """Return the temperature of confidences and the penalty of O that suit tagged sentences best.

    The result is that of `gner_core.generation.fit`.

    Args:
        penalties: to choose from.
        rating: how labels are rated besides.

    Raises:
        InputError: for an unusable checkpoint, and for one of another system than gner.
        RuntimeError: when the child process died.
    """
    system = predicting_system(checkpoint.about, beams=1, folder=checkpoint.folder)
    if not isinstance(system, GnerSystem):
        raise InputError(
            f"{checkpoint.folder}: is of the system {system.kind}; only the guided decoding of gner "
            "can be tuned"
        )
    decode = DecodeParams(
        mode="guided",
        beams=beams,
        too_long="skip",
        seed=SEED,
        fit=FitParams(temperature=True, outside_penalty=tuple(penalties)),
        orders=rating.orders,
        calibrate_types=rating.calibrate_types,
    )
    with tempfile.TemporaryDirectory(prefix="gner-tune-") as scratch, Workers() as workers:
        request = generation_request(
            checkpoint, system, sentences, decode, Path(scratch), batch=batch
        )
        request["scoring"] = values(scoring)
        found: dict[str, Any] = workers.run(WORKER, request, on_event=on_event)["fit"]
    return found
