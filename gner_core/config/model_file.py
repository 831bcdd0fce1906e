"""A models file: a model with what it was trained to write, if it was trained to write entities.

The files of params/models/released/ are those of checkpoints that others have published. Such a
checkpoint has no `gner.json`; its models file says the same.
"""

from pydantic import Field

from gner_core.config.backbone import BackboneParams
from gner_core.config.checkpoint import VERSION, Description
from gner_core.config.experiment import PaperTable
from gner_core.config.systems.any import System
from gner_core.config.systems.gner import GnerSystem


class ModelFile(BackboneParams):
    """The content of a models file: a backbone's, and what makes a checkpoint of it."""

    system: System | None = None
    """What it was trained to write; null for a backbone that was not trained to write entities."""
    types: tuple[str, ...] = ()
    """Entity types to look for where none are named; none for a model of any types."""
    licence: str | None = None
    """Of the weights."""
    paper: dict[PaperTable, str] = Field(default_factory=dict)
    """Its name in those of the paper's tables that hold results of these weights."""

    @property
    def backbone(self) -> BackboneParams:
        """What is a backbone's alone."""
        names = BackboneParams.model_fields.keys()
        return BackboneParams.model_validate(self.model_dump(include={*names}))

    def description(self) -> Description:
        """Return what the `gner.json` of such a checkpoint says."""
        gner = self.system if isinstance(self.system, GnerSystem) else None
        return Description(
            version=VERSION,
            backbone=self.backbone,
            target=gner.target if gner else None,
            system=None if gner else self.system,
            types=self.types,
        )
