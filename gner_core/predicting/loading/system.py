"""With which system a checkpoint finds entities, and how; free of torch, for the command line."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gner_core.config.checkpoint import Description, description_of
from gner_core.config.reading.faults import explain
from gner_core.config.systems.any import PLAIN, RatingParams
from gner_core.config.systems.base import TextSystemParams
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.config.systems.gner import GnerSystem
from gner_core.config.systems.own import OwnSystem
from gner_core.errors import InputError
from gner_core.systems.gner.targets import BIO

Predicting = GnerSystem | TextSystemParams | GlinerSystem
"""The systems whose checkpoints find entities in texts."""


def own_description(folder: Path) -> Description:
    """Return what a checkpoint of gner says of itself.

    Raises:
        InputError: when it is none, or names a Python file, which is not run at its word.
    """
    found = description_of(folder)
    if isinstance(found.system, OwnSystem):
        raise InputError(
            f"{folder}: was trained for a system of one's own, whose Python file is run only where "
            "you name it: give a models file with source: {kind: folder, path: …} and the system"
        )
    return found


def rating_of(
    orders: int, outside_penalty: float, calibrate_types: str | None, temperature: float
) -> RatingParams:
    """Return how labels are rated, of the fields of RatingParams.

    Raises:
        InputError: for a value that makes no sense.
    """
    values: dict[str, Any] = {
        "orders": orders,
        "outside_penalty": outside_penalty,
        "calibrate_types": calibrate_types,
        "temperature": temperature,
    }
    try:
        return RatingParams.model_validate(values)
    except ValidationError as error:
        raise InputError(explain("decoding", error, RatingParams, values)) from None


def predicting_system(
    about: Description, *, beams: int, folder: Path, rating: RatingParams = PLAIN
) -> Predicting:
    """Return the system with which a checkpoint finds entities.

    Args:
        folder: of the checkpoint, for messages.

    Raises:
        InputError: for a form of gner that cannot be guided, and for beams and ratings of labels where
            a system is not guided.
    """
    system = about.trained_for
    if system is None:
        return GnerSystem.writing(BIO)
    if isinstance(system, GnerSystem) and system.can_be_guided:
        return system
    if not isinstance(system, TextSystemParams | GlinerSystem):
        raise InputError(
            f"{folder}: was trained for {system}; predicting needs the system gner with labels BIO "
            "or BI and the full context; test it in an experiment"
        )
    if beams != 1:
        raise InputError(
            f"{folder}: beams are for gner's guided decoding, this checkpoint is of the system "
            f"{system.kind}; leave them out"
        )
    if given := rating.model_dump():
        raise InputError(
            f"{folder}: {', '.join(given)}: only for gner's guided decoding, this checkpoint is of "
            f"the system {system.kind}; leave it out"
        )
    return system


def servable_system(about: Description, *, beams: int, folder: Path) -> Predicting:
    """Return the system of a checkpoint that can be sent elsewhere with all that it needs.

    Raises:
        InputError: as `predicting_system`, and for a system that needs more than files of data.
    """
    system = predicting_system(about, beams=beams, folder=folder)
    needs = {"gliner": "the environment of its package", "own": "a Python file of your own"}
    if system.kind in needs:
        raise InputError(
            f"{folder}: the system {system.kind} needs {needs[system.kind]}, which a model of "
            "MLflow does not carry; use it with gner predict"
        )
    return system
