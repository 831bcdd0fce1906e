"""Renders texts with their entities as one HTML page without outside resources."""

from collections import Counter
from collections.abc import Sequence

from gner_core.predicting.display import hues, is_sure, stretches
from gner_core.predicting.entities import Entity
from gner_core.reports.templates import templates


def render_entities(
    texts: Sequence[str], found: Sequence[Sequence[Entity]], *, types: Sequence[str], title: str
) -> str:
    """Return the page."""
    template = templates().get_template("entities.html.j2")
    return template.render(
        title=title,
        hues=hues(types),
        is_sure=is_sure,
        counts=Counter(entity.label for entities in found for entity in entities),
        texts=[list(stretches(*pair)) for pair in zip(texts, found, strict=True)],
        entities=sum(map(len, found)),
        rated=any(entity.confidence is not None for entities in found for entity in entities),
    )
