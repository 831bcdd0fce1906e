"""The system of an experiment, of any kind, and how its text is generated."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from gner_core.config.systems.chat import ChatSystem
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.config.systems.gner import GnerSystem
from gner_core.config.systems.gollie import GollieSystem
from gner_core.config.systems.instructuie import InstructUieSystem
from gner_core.config.systems.own import OwnSystem
from gner_core.config.systems.uniner import UninerSystem
from gner_core.strict import StrictModel

ComparedSystem = (
    UninerSystem | InstructUieSystem | GollieSystem | GlinerSystem | ChatSystem | OwnSystem
)
"""A system beside gner; a new one is added here, and in `gner_core.systems.registry`."""
System = Annotated[GnerSystem | ComparedSystem, Field(discriminator="kind")]
"""What models are trained to write, and how that is read."""
FILES = tuple(dict.fromkeys(name for one in get_args(ComparedSystem) for name in one.FILES))
"""Fields of some system that name a file."""
MOST_ORDERS = 32


class RatingParams(StrictModel):
    """How guided decoding rates labels beyond what a model says of one prompt; only `guided`.

    Neutral values change nothing, and are in no key.
    """

    orders: int = Field(default=1, ge=1, le=MOST_ORDERS, exclude_if=lambda orders: orders == 1)
    """Prompts of a sentence, which differ in the order of the types; the probabilities of labels are
    averaged over them. 1: one prompt."""
    outside_penalty: float = Field(default=0.0, exclude_if=lambda penalty: penalty == 0)
    """Taken off the log probability of O at every word, in nats: above 0 finds more entities, below
    0 fewer. 0: nothing."""
    calibrate_types: Literal["content_free"] | None = Field(
        default=None, exclude_if=lambda rule: rule is None
    )
    """content_free: types that a model prefers where a text says nothing are lowered, others raised.
    Null: not at all."""
    temperature: float = Field(default=1.0, gt=0, exclude_if=lambda value: value == 1)
    """By which logits are divided before they become confidences: above 1 lowers these, and no label
    changes. 1: not at all."""


PLAIN = RatingParams()
"""One prompt, whose probabilities are taken as they are."""


class FitParams(StrictModel):
    """What is fitted before tests, on sentences by which the weights were chosen, not trained."""

    temperature: bool
    """The temperature of confidences, by the log loss of the labels."""
    outside_penalty: tuple[float, ...]
    """Penalties of O to choose from, by F1; 0 is always one, and stays where no other is better
    beyond the interval. Empty: none is chosen."""

    @model_validator(mode="after")
    def _something_is_fitted(self) -> "FitParams":
        if not (self.temperature or self.outside_penalty):
            raise ValueError("fits nothing; leave it out, or say what to fit")
        return self


class DecodeParams(RatingParams):
    """How text is generated."""

    mode: Literal["free", "guided"]
    """free: token by token, as in the paper; guided: the words are given, only labels are decided."""
    beams: int = Field(ge=1, le=16)
    """Beam size (the paper: 1 to 4). Guided beams are labelings, free ones are texts."""
    too_long: Literal["skip", "error"]
    """What happens to sentences over the backbone's limits: skipped and counted, or an error."""
    seed: int
    """Seed of the order of the entity types in the prompt."""
    type_order: Literal["shuffled", "listed", "alphabetical"] = Field(
        default="shuffled", exclude_if=lambda order: order == "shuffled"
    )
    """Order of the entity types in the prompt: drawn for every sentence; or, so that all prompts of a
    corpus begin alike, as the corpus lists them, or alphabetical."""
    fit: FitParams | None = Field(default=None, exclude_if=lambda fit: fit is None)
    """Values that are fitted instead of given. Null, or left out, for none."""

    @model_validator(mode="after")
    def _fits_together(self) -> "DecodeParams":
        names = (*RatingParams.model_fields, "fit")
        given = [name for name in names if name in self.model_dump()]
        if self.mode == "free" and given:
            raise ValueError(f"{', '.join(given)}: only for mode: guided; leave it out")
        for name in ("temperature", "outside_penalty"):
            if self.fit and getattr(self.fit, name) and name in given:
                raise ValueError(f"{name}: given and fitted; leave one out")
        return self

    def freely(self) -> "DecodeParams":
        """Return these params for a text that is generated freely, where no labels are rated."""
        return self.model_copy(update={**dict(PLAIN), "fit": None, "mode": "free"})

    def fitted(self, values: Mapping[str, float]) -> "DecodeParams":
        """Return these params with fitted values, by the names of their fields."""
        return self.model_copy(update={**values, "fit": None})
