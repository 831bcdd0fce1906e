"""Params of GoLLIE (Sainz et al., 2024), whose prompt is Python source with guidelines."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from gner_core.config.systems.base import Share, TextSystemParams


class GollieSystem(TextSystemParams):
    """A class for every type, the text, and a list of objects as the answer."""

    FILES: ClassVar[tuple[str, ...]] = ("type_names", "guidelines_file")
    ONLY_IN_TRAINING: ClassVar[tuple[str, ...]] = ("masking", "dropout")
    ONLY_IN_TESTS: ClassVar[tuple[str, ...]] = ("answer_tokens", "order")

    kind: Literal["gollie"]
    guidelines: Literal["none", "definitions", "examples"]
    """What a class holds: nothing, the definition of its type, or definition and examples."""
    guidelines_file: str | None
    """Python file with the classes and their guidelines. It is parsed, never run."""
    order: Literal["given", "sorted"]
    """Order of the classes at test time: as the types are given, or by class name."""
    masking: tuple[Share, ...]
    """Probability per epoch that a class name is replaced by LABEL_k in training (published:
    0.15, 0.5, 0.75; the last one holds for all further epochs); empty: never."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)]
    """Probability that a class is left out of a training prompt, with its entities (published:
    0.15)."""

    @model_validator(mode="after")
    def _guidelines_come_from_a_file(self) -> "GollieSystem":
        if (self.guidelines == "none") != (self.guidelines_file is None):
            raise ValueError(
                "guidelines need guidelines_file, and guidelines: none needs guidelines_file: null"
            )
        return self
