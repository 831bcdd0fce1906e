"""The description of a checkpoint: the file `gner.json` in its folder.

With it, a folder of weights can be used without the experiment that made it. The description of an
imported backbone has `target` null and no `types`.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from gner_core.config.backbone import BackboneParams
from gner_core.config.systems.any import System
from gner_core.config.systems.gner import GnerSystem, TargetForm
from gner_core.errors import InputError
from gner_core.strict import JSON, StrictModel

DESCRIPTION = "gner.json"
VERSION: Literal[1] = 1


class Description(StrictModel):
    """The content of `gner.json`."""

    version: Literal[1]
    """Raised when the meaning of a field changes."""
    backbone: BackboneParams
    target: TargetForm | None
    """The form that a model of gner was trained to write."""
    system: System | None = Field(default=None, exclude_if=lambda system: system is None)
    """Any other system that the model was trained for."""
    types: tuple[str, ...]
    """Entity types of the sentences of the last stage, in alphabetical order."""

    @property
    def trained_for(self) -> System | None:
        """The system that the model was trained for; None for an imported backbone."""
        return GnerSystem.writing(self.target) if self.target else self.system


def describe(folder: Path, description: Description) -> None:
    """Write the description of a checkpoint into its folder."""
    (folder / DESCRIPTION).write_text(description.model_dump_json(indent=1), encoding="utf-8")


def description_of(folder: Path) -> Description:
    """Read the description of a checkpoint.

    Raises:
        InputError: when the folder is no checkpoint of gner, or one of another version.
    """
    file = folder / DESCRIPTION
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder of a checkpoint")
    try:
        found: Any = JSON.decode(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(
            f"{folder}: not a checkpoint of gner, it holds no {DESCRIPTION}; give the folder of a "
            "published step train or backbone"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{file}: cannot be read ({error}); publish the checkpoint again"
        ) from None
    version = found.get("version") if isinstance(found, dict) else None
    if version != VERSION:
        raise InputError(
            f"{file}: version {version!r}, this gner reads version {VERSION}; "
            "use the gner that wrote the checkpoint"
        )
    try:
        return Description.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise InputError(f"{file}: {field}: {first['msg']}; publish the checkpoint again") from None
