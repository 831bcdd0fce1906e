"""Params that every compared system has."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from gner_core.strict import StrictModel

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class ComparedSystem(StrictModel):
    """A system that the paper compares GNER with."""

    FILES: ClassVar[tuple[str, ...]] = ("type_names",)
    """Fields that hold the path of a file; what it holds changes results, its path does not."""
    ONLY_IN_TRAINING: ClassVar[tuple[str, ...]] = ()
    """Fields on which no answer of a trained model depends."""
    ONLY_IN_TESTS: ClassVar[tuple[str, ...]] = ()
    """Fields on which no training depends."""

    SEVERAL_ANSWERS: ClassVar[bool] = False
    """Whether a training text has several answers, which only a decoder-only backbone can learn."""
    HAS_NO_MODEL: ClassVar[bool] = False
    """Whether it answers without a model of ours; then tests are `of: system`."""

    kind: str
    """Which system."""
    type_names: str | None
    """YAML file with the system's name of our types (`our type: its name`); null: the same names."""

    def file_of(self, name: str) -> Path | None:
        """Return the file that one of `FILES` names, None where it names none."""
        value = getattr(self, name)
        return None if value is None else Path(value)


class TextSystemParams(ComparedSystem):
    """A compared system whose language model continues prompts."""

    ONLY_IN_TESTS: ClassVar[tuple[str, ...]] = ("answer_tokens",)

    answer_tokens: int = Field(ge=1)
    """Most tokens that the model may write in answer to one prompt."""
    faithful: bool
    """Prompts, training texts and reading exactly as published, faults included; false repairs
    them: what can be read is read, and nothing is lost unseen."""
