"""InstructUIE as a text system."""

import random
from collections.abc import Sequence

from gner_core.config.systems.instructuie import InstructUieSystem
from gner_core.records import Span
from gner_core.systems.instructuie.prompts import (
    WORDINGS,
    Entity,
    prompt,
    spans_prompt,
    spans_target,
    target,
    types_prompt,
)
from gner_core.systems.instructuie.published import normalized, published_counts, published_parts
from gner_core.systems.instructuie.reading import read_pairs
from gner_core.systems.interface import Counts, Piece, Query, Reading
from gner_core.systems.strings import place, storable


class InstructUie:
    """An instruction with all types (Wang et al., 2023)."""

    pieces_apart = False

    def __init__(self, params: InstructUieSystem) -> None:
        """Take the wording and whether to repair."""
        self._params = params

    def queries(self, words: Sequence[str], types: Sequence[str]) -> list[Query]:
        """Return one prompt; a drawn wording depends on the sentence alone."""
        draw = random.Random(f"wording/{' '.join(words)}")
        return [Query(self._prompt(words, types, draw), None)]

    def examples(
        self,
        words: Sequence[str],
        spans: Sequence[Span],
        types: Sequence[str],
        draw: random.Random,
        *,
        epoch: int,
    ) -> list[tuple[Piece, ...]]:
        """Return the text of the task and, for a drawn share, those of the auxiliary tasks."""
        del epoch
        entities = _entities(words, spans)
        texts = [text for _, text in entities]
        faithful = self._params.faithful
        made = [_example(self._prompt(words, types, draw), target(entities))]
        if draw.random() < self._params.auxiliary:
            asked = spans_prompt(words, types, faithful=faithful)
            made.append(_example(asked, spans_target(texts)))
        if draw.random() < self._params.auxiliary:
            asked = types_prompt(words, types, texts, faithful=faithful)
            made.append(_example(asked, target(entities)))
        return made

    def read(self, words: Sequence[str], types: Sequence[str], outputs: Sequence[str]) -> Reading:
        """Return the entities that the answer names."""
        if not outputs:
            return Reading((), (), (), 0, ("no answer",))
        if self._params.faithful:
            entities, unknown = _published_pairs(outputs[0], types)
            unread: list[str] = []
        else:
            entities, unknown, unread = read_pairs(outputs[0], words, types)
        placed = place(words, entities)
        named = tuple((storable(name), storable(text)) for name, text in unknown)
        return Reading(placed.spans, placed.hallucinated, named, placed.ambiguous, tuple(unread))

    def published(
        self,
        words: Sequence[str],
        gold: Sequence[Span],
        types: Sequence[str],
        outputs: Sequence[str],
    ) -> Counts:
        """Return the counts of the published metric, which compares sets of `type: text`."""
        del types
        counts = published_counts(target(_entities(words, gold)), outputs[0] if outputs else "")
        return counts if outputs else counts._replace(right=0, predicted=0)  # skipped

    def _prompt(self, words: Sequence[str], types: Sequence[str], draw: random.Random) -> str:
        wording = self._params.wording
        number = draw.choice([*WORDINGS]) if wording == "drawn" else wording
        dataset, faithful = self._params.dataset, self._params.faithful
        return prompt(words, types, wording=number, dataset=dataset, faithful=faithful)


def _published_pairs(output: str, types: Sequence[str]) -> tuple[list[Entity], list[Entity]]:
    """Return the published predictions: entities, and parts without a type that was asked for."""
    names = {normalized(name): name for name in reversed(types)}
    entities: list[Entity] = []
    unknown: list[Entity] = []
    parts = published_parts(output)
    for part in parts if parts != ["none"] else []:
        known = [name for name in names if part.startswith(f"{name}:")]
        if known:
            name = max(known, key=len)
            entities.append((names[name], part[len(name) + 1 :]))
        else:
            unknown.append(("", part))
    return entities, unknown


def _example(asked: str, answered: str) -> tuple[Piece, ...]:
    return Piece(asked, loss=False), Piece(answered, loss=True)


def _entities(words: Sequence[str], spans: Sequence[Span]) -> list[Entity]:
    """Return the type and text of every entity, in text order."""
    return [(s.label, " ".join(words[s.start : s.end])) for s in sorted(spans)]
