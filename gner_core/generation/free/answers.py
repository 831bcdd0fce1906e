"""What free decoding is asked, and what it answers."""

from dataclasses import dataclass
from typing import Literal

Way = Literal["shared", "each", "transformers"]
"""What prompts share runs once; every prompt runs whole; the same in transformers' own batches."""


@dataclass(frozen=True, slots=True)
class Call:
    """A prompt in tokens, and how many may be written after it."""

    prompt: list[int]
    budget: int


@dataclass(frozen=True, slots=True)
class FreeAnswer:
    """The generated text, and whether the model ended it."""

    text: str
    finished: bool
    tokens: int
    """Tokens that were written, with the end token."""


NOTHING = FreeAnswer("", finished=False, tokens=0)
