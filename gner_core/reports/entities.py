"""Renders texts with their entities as one HTML page without outside resources."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gner_core.predicting.entities import Entity
from gner_core.reports.templates import templates

GOLDEN_ANGLE = 137.508
"""Degrees between the hues of two types: any number of them stay distinct."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a text: plain, or an entity."""

    text: str
    entity: Entity | None = None


def stretches(text: str, entities: Sequence[Entity]) -> Iterator[Stretch]:
    """Yield a text in pieces, left to right; together they are the text."""
    at = 0
    for entity in entities:
        if entity.start > at:
            yield Stretch(text[at : entity.start])
        yield Stretch(text[entity.start : entity.end], entity)
        at = entity.end
    if at < len(text):
        yield Stretch(text[at:])


def render_entities(
    texts: Sequence[str], found: Sequence[Sequence[Entity]], *, types: Sequence[str], title: str
) -> str:
    """Return the page."""
    template = templates().get_template("entities.html.j2")
    return template.render(
        title=title,
        hues={label: round(number * GOLDEN_ANGLE) % 360 for number, label in enumerate(types)},
        counts=Counter(entity.label for entities in found for entity in entities),
        texts=[list(stretches(*pair)) for pair in zip(texts, found, strict=True)],
        entities=sum(map(len, found)),
        rated=any(entity.confidence is not None for entities in found for entity in entities),
    )
