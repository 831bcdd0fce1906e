"""Params of GLiNER (Zaratiana et al., 2024), which scores spans and generates nothing."""

from typing import ClassVar, Literal

from pydantic import Field

from gner_core.config.systems.base import ComparedSystem
from gner_core.strict import StrictModel


class GlinerShape(StrictModel):
    """The layers above a pretrained encoder. A checkpoint of GLiNER keeps its own."""

    hidden: int = Field(ge=1)
    """Width of the representations of words and types (released: 512)."""
    max_width: int = Field(ge=1)
    """Words of the longest entity (released: 12)."""
    max_words: int = Field(ge=1)
    """Words of the longest sentence (released: 384)."""
    dropout: float = Field(ge=0.0, lt=1.0)
    """Dropout above the encoder (released: 0.3 to 0.4)."""


class GlinerTraining(StrictModel):
    """What its training has beside the params of a stage, whose learning rate is the encoder's."""

    rate: float = Field(gt=0)
    """Peak learning rate of all other layers."""
    focal_alpha: float = Field(ge=-1.0, le=1.0)
    """Weight of positive spans in the focal loss; negative for none."""
    focal_gamma: float = Field(ge=0.0)
    """How much the focal loss lowers the weight of easy spans; 0 for none."""
    max_types: int = Field(ge=1)
    """Types that a sentence is trained with, at most; others are left out with their entities."""


class GlinerSystem(ComparedSystem):
    """Which of the scored spans are entities, and how a model that scores them is trained."""

    ONLY_IN_TRAINING: ClassVar[tuple[str, ...]] = ("shape", "training")
    ONLY_IN_TESTS: ClassVar[tuple[str, ...]] = ("threshold", "flat", "multi_label")

    kind: Literal["gliner"]
    threshold: float = Field(ge=0.0, lt=1.0)
    """Score that an entity must exceed (the package: 0.5)."""
    flat: bool
    """No two entities share a word; false also takes entities inside others."""
    multi_label: bool
    """A span may have several types."""
    shape: GlinerShape
    training: GlinerTraining
