"""Params of a system: what its model writes (Fig. 3), its generation, and how it becomes tags."""

from typing import Literal

from pydantic import Field, model_validator

from gner_core.strict import StrictModel


class TargetForm(StrictModel):
    """What the model learns to write (Fig. 3)."""

    labels: Literal["BIO", "BIOES", "brackets"]
    """A tag after every word, or only entities marked: [New York](location)."""
    context: int | Literal["full"]
    """Words kept around each entity (Fig. 4); 0 keeps entities alone."""
    gap: str
    """Text for the words left out between two kept pieces; may be empty."""

    @model_validator(mode="after")
    def _context_counts_words(self) -> "TargetForm":
        if isinstance(self.context, int) and self.context < 0:
            raise ValueError("context must be at least 0, or full")
        return self


class GnerSystem(TargetForm):
    """The system of the paper: a model that writes the sentence with its labels."""

    kind: Literal["gner"]

    @property
    def target(self) -> TargetForm:
        """What the model learns to write."""
        return TargetForm(labels=self.labels, context=self.context, gap=self.gap)


class DecodeParams(StrictModel):
    """How text is generated."""

    mode: Literal["free", "guided"]
    """free: token by token, as in the paper; guided: the words are given, only labels are decided."""
    beams: int = Field(ge=1, le=16)
    """Beam size (the paper: 1 to 4). Guided beams are labelings, free ones are texts."""
    too_long: Literal["skip", "error"]
    """What happens to sentences over the backbone's limits: skipped and counted, or an error."""
    seed: int
    """Seed of the order of the entity types in the prompt."""


class MatchParams(StrictModel):
    """How generated text becomes the tags of a sentence."""

    mode: Literal["gner", "paper", "position", "text"]
    """gner: ties and repairs follow the context; paper: §4.3 and Appendix D with the tie rules of
    the published code; position and text: Table 6 without LCS, by position or entities as written."""
    back_tokenization: bool
    """Compare with source words as the tokenizer gives them back (Table 6: w/o BT)."""

    @model_validator(mode="after")
    def _only_alignment_compares(self) -> "MatchParams":
        if self.mode in ("position", "text") and self.back_tokenization:
            raise ValueError(f"mode {self.mode} compares no words; set back_tokenization: false")
        return self
