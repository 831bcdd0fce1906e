"""What GoLLIE's training texts vary: which classes they show, in which order, by which names."""

import random
import re
from collections.abc import Mapping, Sequence

from gner_core.systems.gollie.prompts import BEFORE_TEXT

_CLASS = re.compile(r"class (\w+)")


def shown_types(types: Sequence[str], draw: random.Random, *, dropout: float) -> list[str]:
    """Return the types of a training text in drawn order, without those that were dropped.

    One is always left, and an only type is never dropped.
    """
    order = draw.sample(types, len(types))
    if len(order) == 1:
        return order
    return [name for name in order if draw.random() >= dropout] or order[:1]


def masks(names: Sequence[str], draw: random.Random, *, probability: float) -> dict[str, str]:
    """Return LABEL_k for the class names that are masked, with k in drawn order."""
    masked = [name for name in names if draw.random() < probability]
    draw.shuffle(masked)
    return {name: f"LABEL_{number}" for number, name in enumerate(masked, start=1)}


def published_masks(text: str, draw: random.Random, *, probability: float) -> dict[str, str]:
    """Return masks as the published code draws them.

    Every word that follows the word `class` in a prompt counts as a class name, also in docstrings.
    """
    return masks([*dict.fromkeys(_CLASS.findall(text))], draw, probability=probability)


def masked_as_published(text: str, masked: Mapping[str, str]) -> str:
    """Return a prompt with names replaced above the sentence, also within longer words."""
    if not masked:
        return text
    longest_first = sorted(masked, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)))
    head, mark, tail = text.partition(BEFORE_TEXT)
    return pattern.sub(lambda found: masked[found[0]], head) + mark + tail
