"""Imports checkpoints that another package has written, so that experiments can test them."""

from pathlib import Path

from gner_core.config.backbone import BackboneParams, FolderSource
from gner_core.config.checkpoint import VERSION, Description, describe
from gner_core.config.reading.defaults import defaults
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.errors import InputError
from gner_core.runtime.files import replacing_folder
from gner_core.systems.gliner.engine import complete
from gner_core.systems.gliner.environment import installed
from tasks.paths import home_folder


def import_gliner(source: Path, target: Path, *, encoder: Path | None) -> None:
    """Write a checkpoint of GLiNER into a new folder, as safetensors and with a description.

    Args:
        encoder: folder with config and tokenizer of its encoder, where it brings none.

    Raises:
        InputError: where the target exists, GLiNER is not installed or the source is unusable.
    """
    if target.exists():
        raise InputError(f"{target}: is there already; name another folder")
    environment = installed(home_folder())
    with replacing_folder(target.absolute()) as folder:
        facts = complete(environment, source=source, encoder=encoder, target=folder)
        backbone = BackboneParams(
            name=source.name,
            parameters=facts["parameters"],
            family="encoder",
            source=FolderSource(kind="folder", path=str(source)),
            prompt_before="",
            prompt_after="",
            max_source_tokens=facts["most_words"],
            max_target_tokens=facts["most_words"],
            dtype="float32",
        )
        system = GlinerSystem.model_validate(defaults()["systems"]["gliner"]["system"])
        describe(
            folder,
            Description(version=VERSION, backbone=backbone, target=None, system=system, types=()),
        )
