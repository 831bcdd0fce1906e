"""The system of an experiment, of any kind, and how its text is generated."""

from typing import Annotated, Literal, get_args

from pydantic import Field

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
