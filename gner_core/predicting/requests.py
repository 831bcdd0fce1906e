"""What is asked of a predictor: a text with its types and threshold; free of torch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

from gner_core.errors import InputError, did_you_mean
from gner_core.predicting.entities import Entity, kind_of

Text = str | Sequence[str]
"""A raw text, or the words of one that is split already."""
Threshold = float | Mapping[str, float]
"""The least confidence of an entity that is kept, 0 to 1: of all types, or by type."""


@dataclass(frozen=True, slots=True)
class TextRequest:
    """A text, and what to look for in it."""

    text: Text
    types: Sequence[str] | None = None
    """In the order in which the prompt names them; None: those of the checkpoint."""
    threshold: Threshold | None = None
    """None keeps all entities, and so does a type that a mapping does not name."""


def least_confidences(threshold: Threshold | None, types: Sequence[str]) -> dict[str, float]:
    """Return type → least confidence, for the types that have one.

    Example:
        >>> least_confidences({"person": 0.7}, ["person", "place"])
        {'person': 0.7}

    Raises:
        InputError: for what is no number from 0 to 1, and for a type that is not looked for.
    """
    if threshold is None:
        return {}
    if not isinstance(threshold, Mapping):
        return dict.fromkeys(types, _confidence(threshold, "threshold"))
    found = {}
    for given, value in threshold.items():
        name = " ".join(given.split()) if isinstance(given, str) else given
        if name not in types:
            raise InputError(
                f"threshold names {given!r}, which is not looked for{did_you_mean(name, types)}"
            )
        found[name] = _confidence(value, f"threshold of {name}")
    return found


def listed_thresholds(given: Sequence[str], types: Sequence[str]) -> dict[str, float]:
    """Return type → least confidence, of `NUMBER` for all types and `TYPE=NUMBER` for one.

    Example:
        >>> listed_thresholds(["0.5", "person=0.7"], ["person", "place"])
        {'person': 0.7, 'place': 0.5}

    Raises:
        InputError: as `least_confidences`, and for one that is given twice.
    """
    by_type: dict[str, float] = {}
    for one in given:
        name, _, number = one.rpartition("=")
        name = " ".join(name.split())
        if name in by_type:
            raise InputError(f"threshold {one!r}: given twice; leave one out")
        try:
            by_type[name] = float(number)
        except ValueError:
            raise InputError(
                f"threshold {one!r}: {number!r} is no number; write 0.5, or person=0.5 for one type"
            ) from None
    least = least_confidences(by_type.pop("", None), types)
    return least | least_confidences(by_type, types)


def kept(entities: Sequence[Entity], least: Mapping[str, float]) -> list[Entity]:
    """Return the entities whose confidence is at least that of their type."""
    return [e for e in entities if e.confidence is None or e.confidence >= least.get(e.label, 0.0)]


def _confidence(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        said = repr(value) if isinstance(value, bool | str) else kind_of(value)
        raise InputError(f"{name} is {said}; give a number from 0 to 1")
    number = float(value)
    if math.isnan(number) or not 0 <= number <= 1:
        raise InputError(f"{name} is {number:g}; give a number from 0 to 1")
    return number
