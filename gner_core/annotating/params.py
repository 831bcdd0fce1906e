"""What `gner annotate` is asked for: a checkpoint, texts, types, and where the entities go."""

from typing import Literal

from pydantic import Field

from gner_core.strict import StrictModel

Form = Literal["jsonl", "parquet", "text"]


class Annotation(StrictModel):
    """A corpus that is to be annotated."""

    checkpoint: str
    """Any name of a checkpoint."""
    about: str | None
    """Models file that says what a foreign checkpoint is."""
    data: tuple[str, ...] = Field(min_length=1)
    """Files, folders and patterns, as paths or fsspec URLs."""
    output: str
    """Folder or fsspec URL of the Parquet files."""
    types: tuple[str, ...]
    """In the order of the prompt; empty for those of the checkpoint's training."""
    form: Form | None
    """Form of the files; None where their names tell it."""
    text: str
    """Field of the text, in JSON lines and Parquet."""
    id: str | None
    """Field that is copied to the output, which every record has; None: `id`, where one has it."""
    part: int = Field(ge=1, le=1_000_000)
    """Texts of a part, which is the unit of work; part of every key."""
    beams: int = Field(ge=1, le=16)
    batch: int = Field(ge=1)
    """Windows of text that are decoded together; changes nothing but rounding."""
    workers: int | None = Field(ge=1)
    """Processes of this machine with a model each; None: one a GPU, without GPUs one."""
