"""Params of InstructUIE (Wang et al., 2023), which asks for all types at once."""

from typing import ClassVar, Literal

from gner_core.config.systems.base import Share, TextSystemParams


class InstructUieSystem(TextSystemParams):
    """An instruction, the types as options, and `type: words; type: words` as the answer."""

    ONLY_IN_TRAINING: ClassVar[tuple[str, ...]] = ("auxiliary",)

    kind: Literal["instructuie"]
    wording: Literal[1, 2, 3, "drawn"]
    """The instruction, of the three published ones; drawn: one of them for every sentence."""
    dataset: str | None
    """Name in the lines `Task:NER` and `Dataset:NAME` before the instruction; null: no such lines."""
    auxiliary: Share
    """Share of the training sentences that are also trained as each of the two auxiliary tasks
    (published: 0.3): to list entities without types, and to give the types of listed entities."""
