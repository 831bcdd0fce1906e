"""Entities within their text: the pieces of a text, colours of types, and HTML for a notebook.

Free of torch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from markupsafe import Markup

from gner_core.predicting.entities import Entity
from gner_core.predicting.requests import Text

GOLDEN_ANGLE = 137.508
"""Degrees between the hues of two types: any number of them stay distinct."""
SURE = 0.5
"""Entities below this confidence are dashed or dimmed."""
SHOWN_TEXTS, SHOWN_CHARACTERS = 50, 20_000
"""A notebook keeps what it shows, so it shows this much at most; texts are shown whole."""
# A notebook may be light or dark, and may drop <style>: colours are translucent and stand inline.
TEXT = Markup(
    '<p dir="auto" style="margin:.4em 0;line-height:2;white-space:pre-wrap;overflow-wrap:anywhere">'
)
MARK = Markup(
    '<mark title="{where}" style="background:hsl({hue} 85% 50% / {strength});'
    "border-bottom:3px {line} hsl({hue} 60% 55%);border-radius:.3em;padding:.1em .3em;"
    'color:inherit">{text}<small style="margin-left:.35em;font-weight:600;white-space:nowrap">'
    "{label}{percent}</small></mark>"
)
PERCENT = Markup(' <span style="font-weight:400">{:.0f}</span>')
NOTE = Markup('<p style="margin:.4em 0;opacity:.75"><em>{}</em></p>')


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


def hues(types: Sequence[str]) -> dict[str, int]:
    """Return type → hue in degrees, by the order of the types.

    Example:
        >>> hues(["person", "place"])
        {'person': 0, 'place': 138}
    """
    return {name: round(number * GOLDEN_ANGLE) % 360 for number, name in enumerate(types)}


def is_sure(entity: Entity) -> bool:
    """Say whether an entity is more likely right than wrong, or has no confidence."""
    return entity.confidence is None or entity.confidence >= SURE


def inline_html(found: Sequence[tuple[Text, Sequence[Entity]]], *, types: Sequence[str]) -> str:
    """Return texts with their entities as a piece of HTML, everything escaped."""
    colours = hues(types)
    parts, characters = [], 0
    for number, (text, entities) in enumerate(found):
        if number == SHOWN_TEXTS or characters > SHOWN_CHARACTERS:
            parts.append(NOTE.format(f"and {len(found) - number:,} more texts"))
            break
        part = _paragraph(text, entities, colours)
        characters += len(part)
        parts.append(part)
    if not any(entities for _, entities in found):
        parts.append(NOTE.format("no entities"))
    return str(Markup('<div class="gner">{}</div>').format(Markup().join(parts)))


def _paragraph(text: Text, entities: Sequence[Entity], colours: dict[str, int]) -> Markup:
    unit = "characters" if isinstance(text, str) else "words"
    shown = entities if isinstance(text, str) else _by_characters(text, entities)
    whole = text if isinstance(text, str) else " ".join(text)
    places = iter(entities)
    parts = []
    for piece in stretches(whole, shown):
        if piece.entity is None:
            parts.append(Markup.escape(piece.text))
            continue
        place, sure = next(places), piece.entity.confidence
        parts.append(
            MARK.format(
                where=f"{unit} {place.start} to {place.end}",
                hue=colours[place.label],
                strength=0.22 if is_sure(place) else 0.08,
                line="solid" if is_sure(place) else "dashed",
                text=piece.text,
                label=place.label,
                percent="" if sure is None else PERCENT.format(100 * sure),
            )
        )
    return TEXT + Markup().join(parts) + Markup("</p>")


def _by_characters(words: Sequence[str], entities: Sequence[Entity]) -> list[Entity]:
    """Return entities of words with offsets in the words joined by blanks."""
    starts = [0, *accumulate(len(word) + 1 for word in words)]
    return [replace(e, start=starts[e.start], end=starts[e.end] - 1) for e in entities]
