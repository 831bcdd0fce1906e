"""GoLLIE as a text system."""

import random
from collections.abc import Sequence
from pathlib import Path

from gner_core.config.systems.gollie import GollieSystem
from gner_core.records import Span
from gner_core.systems.gollie.class_names import class_names
from gner_core.systems.gollie.guidelines import Guideline, chosen, read_guidelines
from gner_core.systems.gollie.noise import (
    masked_as_published,
    masks,
    published_masks,
    shown_types,
)
from gner_core.systems.gollie.prompts import RESULT, Instance, Shown, prompt, target
from gner_core.systems.gollie.published import published_counts, published_reading
from gner_core.systems.gollie.reading import read_objects
from gner_core.systems.interface import Counts, Piece, Query, Reading
from gner_core.systems.strings import place, storable

SHOWN_EXAMPLES = 5
"""Examples of a type that a prompt shows."""


class Gollie:
    """Python classes with guidelines (Sainz et al., 2024)."""

    pieces_apart = False

    def __init__(self, params: GollieSystem) -> None:
        """Read the guidelines, if the params name any."""
        self._params = params
        file = params.guidelines_file
        self._sets = read_guidelines(Path(file)) if file else []

    def queries(self, words: Sequence[str], types: Sequence[str]) -> list[Query]:
        """Return one prompt."""
        names = class_names(types)
        shown = sorted(names, key=names.__getitem__) if self._params.order == "sorted" else [*names]
        text = prompt(words, self._classes(names, shown, None))
        return [Query(text.partition(RESULT)[0] + RESULT if self._params.faithful else text, None)]

    def examples(
        self,
        words: Sequence[str],
        spans: Sequence[Span],
        types: Sequence[str],
        draw: random.Random,
        *,
        epoch: int,
    ) -> list[tuple[Piece, ...]]:
        """Return one training text, with classes dropped, in drawn order, and masked."""
        names = class_names(types)
        shown = shown_types(types, draw, dropout=self._params.dropout)
        instances = _instances(words, [s for s in spans if s.label in shown], names)
        classes = self._classes(names, shown, draw)
        probabilities = self._params.masking or (0.0,)
        probability = probabilities[min(epoch, len(probabilities) - 1)]
        if self._params.faithful:
            text = prompt(words, classes)
            masked = published_masks(text, draw, probability=probability)
            whole = masked_as_published(text, masked) + target(_renamed(instances, masked))
            asked, mark, answered = whole.partition(RESULT)
            return [(Piece(asked + mark, loss=False), Piece(answered, loss=True))]
        masked = masks([one.name for one in classes], draw, probability=probability)
        classes = [one._replace(name=masked.get(one.name, one.name)) for one in classes]
        answered = target(_renamed(instances, masked))
        return [(Piece(prompt(words, classes), loss=False), Piece(answered, loss=True))]

    def read(self, words: Sequence[str], types: Sequence[str], outputs: Sequence[str]) -> Reading:
        """Return the entities that the answer names."""
        if not outputs:
            return Reading((), (), (), 0, ("no answer",))
        ours = {name: label for label, name in class_names(types).items()}
        if self._params.faithful:
            known, unknown, unread = _published_objects(outputs[0], words, [*ours])
        else:
            known, unknown, unread = read_objects(outputs[0], ours)
        placed = place(words, [(ours[name], text) for name, text in known])
        named = tuple((storable(name), storable(text)) for name, text in unknown)
        return Reading(placed.spans, placed.hallucinated, named, placed.ambiguous, tuple(unread))

    def published(
        self,
        words: Sequence[str],
        gold: Sequence[Span],
        types: Sequence[str],
        outputs: Sequence[str],
    ) -> Counts:
        """Return the counts of the published metric: classes and texts, each gold used once."""
        names = class_names(types)
        wanted = _instances(words, gold, names)
        output = outputs[0] if outputs else ""
        found = published_reading(output, words, [*names.values()]).kept
        return published_counts(wanted, found, [*names.values()])

    def _classes(
        self, names: dict[str, str], shown: Sequence[str], draw: random.Random | None
    ) -> list[Shown]:
        """Return classes as a prompt shows them; without `draw` the first texts of each."""
        if not self._sets:
            return [Shown(names[name], None, ()) for name in shown]
        file = str(self._params.guidelines_file)
        guidelines = chosen(self._sets, names.values(), file)
        return [self._shown(names[name], guidelines[names[name]], draw) for name in shown]

    def _shown(self, name: str, guideline: Guideline, draw: random.Random | None) -> Shown:
        definitions, examples = guideline
        if draw:
            definitions = tuple(draw.sample(definitions, len(definitions)))
            examples = tuple(draw.sample(examples, len(examples)))
        shown: tuple[str, ...] | None = examples[:SHOWN_EXAMPLES]
        if self._params.guidelines == "definitions":
            shown = None if self._params.faithful and examples else ()
        return Shown(name, definitions[0] if definitions else None, shown)


def _instances(
    words: Sequence[str], spans: Sequence[Span], names: dict[str, str]
) -> list[Instance]:
    """Return class and text of every entity, in text order."""
    return [(names.get(s.label, s.label), " ".join(words[s.start : s.end])) for s in sorted(spans)]


def _renamed(instances: Sequence[Instance], masked: dict[str, str]) -> list[Instance]:
    return [(masked.get(name, name), text) for name, text in instances]


def _published_objects(
    output: str, words: Sequence[str], classes: Sequence[str]
) -> tuple[list[Instance], list[Instance], list[str]]:
    """Return what the published reader keeps, and in words what it loses."""
    reading = published_reading(output, words, classes)
    known = [(one.name, one.span) for one in reading.kept if one.name in classes]
    unknown = [(one.name, one.span) for one in reading.kept if one.name not in classes]
    lost = len(reading.before) - len(reading.kept)
    dropped = [f"{lost} dropped by the published filter"] if lost else []
    return known, unknown, dropped if reading.fault is None else [reading.fault]
