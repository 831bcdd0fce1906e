"""Params of UniNER (Zhou et al., 2024), which asks for one type at a time."""

from typing import ClassVar, Literal

from pydantic import model_validator

from gner_core.config.systems.base import TextSystemParams


class UninerSystem(TextSystemParams):
    """A conversation about a text, with a JSON list as the answer to every question."""

    FILES: ClassVar[tuple[str, ...]] = ("type_names", "definitions")
    ONLY_IN_TESTS: ClassVar[tuple[str, ...]] = ("answer_tokens", "ask")
    SEVERAL_ANSWERS: ClassVar[bool] = True

    kind: Literal["uniner"]
    style: Literal["type", "definition"]
    """What a question names: the type, or its definition."""
    ask: Literal["each", "conversation"]
    """each: one prompt a type; conversation: the types of a sentence are asked in turns."""
    definitions: str | None
    """YAML file `type: definition`, with the system's names of types; for the definition style."""

    @model_validator(mode="after")
    def _definitions_belong_to_their_style(self) -> "UninerSystem":
        if (self.style == "definition") != (self.definitions is not None):
            raise ValueError(
                "style: definition needs a file in definitions, and style: type has none"
            )
        return self
