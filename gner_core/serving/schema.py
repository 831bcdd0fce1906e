"""The JSON of requests and answers; OpenAPI is made of it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from gner_core.predicting.requests import TextRequest
from gner_core.strict import StrictModel

MOST_TEXTS, MOST_TYPES = 256, 256
"""Of a request."""
Share = Annotated[float, Field(ge=0, le=1)]
EXAMPLE: JsonDict = {
    "texts": ["Ada Lovelace was born in London."],
    "types": ["person", "location"],
    "threshold": 0.5,
}


class PredictRequest(StrictModel):
    """Texts in which entities are looked for."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [EXAMPLE]}, strict=True, use_attribute_docstrings=True
    )

    texts: Annotated[list[str], Field(min_length=1, max_length=MOST_TEXTS)]
    """Of any length; long ones are cut into windows."""
    types: Annotated[list[str], Field(min_length=1, max_length=MOST_TYPES)] | None = None
    """Entity types, in the order of the prompt; null: those that the checkpoint was trained on last."""
    threshold: Share | dict[str, Share] | None = None
    """Entities with less confidence (0 to 1) are left out; a number for all types, or one by type."""

    def requests(self) -> list[TextRequest]:
        """Return the texts, each with its types and threshold."""
        return [TextRequest(text, self.types, self.threshold) for text in self.texts]

    def characters(self) -> int:
        """Return the characters of all texts and types."""
        return sum(map(len, [*self.texts, *(self.types or [])]))


class Described(BaseModel):
    """A model whose fields are described in OpenAPI by what stands beneath them."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class FoundEntity(Described):
    """An entity: `text[start:end]` of its text, counted in Unicode code points, end exclusive."""

    start: int
    end: int
    label: str
    """The type, as the request names it, with single blanks."""
    text: str
    confidence: float | None
    """0 to 1; null for systems that answer with strings."""


class TextEntities(Described):
    """A text with its entities, as `gner predict --format json` prints it in a line."""

    text: str
    entities: list[FoundEntity]
    """From left to right; no two of them overlap."""


class Predictions(Described):
    """The answer to a request."""

    predictions: list[TextEntities]
    """In the order of the texts."""
    faults: dict[str, int]
    """What of the model's answers is no entity; always empty for checkpoints of gner."""


class ModelFacts(Described):
    """The model of a server, and what it takes."""

    name: str
    system: str
    types: list[str]
    """Those that it was trained on last."""
    rated: bool
    """Whether its entities have confidences."""
    characters: int
    """Of all texts and types of a request, at most."""
    seconds: float
    """That a request may take, at most."""


class Health(Described):
    """Whether the server answers requests."""

    status: str
    unfinished: int
    """Requests that wait or are decoded."""


class Problem(Described):
    """Why a request was refused."""

    detail: str
    """In one line."""
