"""Params of GNER: what its model writes (Fig. 3), and how that becomes tags."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from gner_core.strict import StrictModel


class TargetForm(StrictModel):
    """What the model learns to write (Fig. 3, and the lean form BI)."""

    labels: Literal["BIO", "BI", "BIOES", "brackets"]
    """BIO, BIOES: a tag after every word; BI: BIO without O, so that only words of entities have a
    tag; brackets: only entities marked, [New York](location)."""
    context: int | Literal["full"]
    """Words kept around each entity (Fig. 4); 0 keeps entities alone."""
    gap: str
    """Text for the words left out between two kept pieces; may be empty."""

    @model_validator(mode="after")
    def _context_counts_words(self) -> "TargetForm":
        if isinstance(self.context, int) and self.context < 0:
            raise ValueError("context must be at least 0, or full")
        return self

    @property
    def can_be_guided(self) -> bool:
        """Whether every word is written with a tag of its own or none, so that decoding can give it."""
        return self.labels in ("BIO", "BI") and self.context == "full"


class GnerSystem(TargetForm):
    """The system of the paper: a model that writes the sentence with its labels."""

    kind: Literal["gner"]
    type_names: str | None = Field(default=None, exclude_if=lambda file: file is None)
    """YAML file with what tests call our types (`our type: its name`), in prompts and in labels; null,
    or left out: the same names."""
    FILES: ClassVar[tuple[str, ...]] = ("type_names",)
    ONLY_IN_TRAINING: ClassVar[tuple[str, ...]] = ()
    ONLY_IN_TESTS: ClassVar[tuple[str, ...]] = ("type_names",)
    SEVERAL_ANSWERS: ClassVar[bool] = False
    HAS_NO_MODEL: ClassVar[bool] = False

    def file_of(self, name: str) -> Path | None:
        """Return the file that one of `FILES` names, None where it names none."""
        value = getattr(self, name)
        return None if value is None else Path(value)

    def calling(self, type_names: str | None) -> "GnerSystem":
        """Return the system with other names of types in tests."""
        return self.model_copy(update={"type_names": type_names})

    @classmethod
    def writing(cls, target: TargetForm) -> "GnerSystem":
        """Return the system whose model writes targets of a form."""
        return cls(kind="gner", **target.model_dump())

    @property
    def target(self) -> TargetForm:
        """What the model learns to write."""
        return TargetForm(labels=self.labels, context=self.context, gap=self.gap)


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
