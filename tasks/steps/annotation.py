"""The step that finds the entities of a part of a corpus."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gner_core.annotating.params import Annotation
from gner_core.annotating.sources import Source
from gner_core.config.checkpoint import Description
from gner_core.config.systems.any import System
from gner_core.store.fingerprint import fingerprint
from tasks.steps.models import Stored, reads_and_writes, system_values
from tasks.steps.step import Step

OUTPUT_VERSION = 1
"""Raised when the form of the output changes."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Annotate(Step):
    """The entities of a part of a corpus. It is identified by its texts, wherever they are."""

    kind = "annotate"
    version = 1

    model: Stored
    about: Description
    """What the model reads and writes."""
    system: System
    types: tuple[str, ...]
    beams: int
    texts: str
    """SHA-256 of the texts of the part, which also tells its size."""

    def identity(self) -> dict[str, Any]:
        """Return types, decoding, what the model reads and writes, and the texts."""
        system = system_values(self.system, without=self.system.ONLY_IN_TRAINING)
        return {
            "types": list(self.types),
            "beams": self.beams,
            "texts": self.texts,
            **reads_and_writes(self.about.backbone, system),
        }

    def inputs(self) -> dict[str, Step]:
        """Return the model."""
        return {"model": self.model}


@dataclass(frozen=True, kw_only=True)
class AnnotationPlan:
    """An annotation whose texts were read once, so that all its parts are known."""

    params: Annotation
    sources: Sequence[Source]
    parts: Sequence[Annotate]
    sizes: Sequence[int]
    """Texts of each part."""
    places: Sequence[str]
    """SHA-256 of the files, lines and ids of each part."""

    @property
    def key(self) -> str:
        """The hash of all that determines the output."""
        steps = [step.ref.key for step in self.parts]
        return fingerprint([OUTPUT_VERSION, self.params.part, steps, list(self.places)])

    @property
    def texts(self) -> int:
        """The number of texts."""
        return sum(self.sizes)
