"""What a model card knows of a checkpoint's training: in the front matter of README.md, under `gner`.

So the card of a checkpoint can be written anew with scores that were not known when it was trained,
wherever its folder is.
"""

from typing import Literal

from gner_core.strict import StrictModel

CARD = "README.md"
UNKNOWN = "unknown"


class TrainedCorpus(StrictModel):
    """A corpus that a stage was trained on."""

    name: str
    origin: str
    """Where it comes from, for people."""
    licence: str
    """As the catalog says it; UNKNOWN where it does not."""
    redistributable: bool | None
    """Whether its texts may be passed on; None where that is not known."""
    dataset: str | None
    """Its repository among the datasets of the Hugging Face hub, where it is from there."""
    sentences: int
    types: int


class TrainedStage(StrictModel):
    """A training stage."""

    name: str
    key: str
    """Of its step."""
    epochs: float
    learning_rate: float
    corpora: tuple[TrainedCorpus, ...]


class CardFacts(StrictModel):
    """What is known of how a checkpoint was made."""

    version: Literal[1] = 1
    stages: tuple[TrainedStage, ...] | None
    """The trainings, the last one last; None where they are not known."""
    earlier: str | None = None
    """The checkpoint from which the first of them started, where that is not the base model."""
