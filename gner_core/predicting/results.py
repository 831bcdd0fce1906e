"""The entities of texts as plain lists, which show themselves in a notebook; free of torch."""

import json
from collections.abc import Iterable
from typing import Any

from gner_core.predicting.display import inline_html
from gner_core.predicting.entities import Entity
from gner_core.predicting.requests import Text


class Entities(list[Entity]):
    """The entities of a text, left to right, with the text and the types that were looked for."""

    text: Text
    types: tuple[str, ...]

    def __init__(self, found: Iterable[Entity], *, text: Text, types: tuple[str, ...]) -> None:
        """Take the entities of a text."""
        super().__init__(found)
        self.text, self.types = text, types

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the entities as JSON values."""
        return [entity.to_dict() for entity in self]

    def to_json(self) -> str:
        """Return the entities as a JSON list."""
        return json.dumps(self.to_dicts(), ensure_ascii=False)

    def _repr_html_(self) -> str:
        """Return the text with its entities, for a notebook."""
        return inline_html([(self.text, self)], types=self.types)


class Results(list[Entities]):
    """The entities of several texts, in order."""

    types: tuple[str, ...]

    def __init__(self, found: Iterable[Entities], *, types: tuple[str, ...]) -> None:
        """Take the entities of texts in which the same types were looked for."""
        super().__init__(found)
        self.types = types

    def to_dicts(self) -> list[list[dict[str, Any]]]:
        """Return the entities of every text as JSON values."""
        return [entities.to_dicts() for entities in self]

    def to_json(self) -> str:
        """Return a JSON list of lists of entities."""
        return json.dumps(self.to_dicts(), ensure_ascii=False)

    def _repr_html_(self) -> str:
        """Return the texts with their entities, for a notebook."""
        return inline_html([(one.text, one) for one in self], types=self.types)
