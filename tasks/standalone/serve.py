"""Starts the server of a checkpoint in the place of this process: one process loads the model."""

import os
import sys
from typing import NoReturn

from gner_core.predicting.systems import predicting_system
from gner_core.serving.settings import Settings
from tasks.checkpoints.foreign import Usable, package_for
from tasks.workers import WAITING

MODULE = "gner_core.serving"


def serve(
    checkpoint: Usable,
    *,
    beams: int,
    batch: int,
    device: str | None,
    dtype: str | None,
    host: str,
    port: int,
    queue: int,
    timeout: float,
    characters: int,
) -> NoReturn:
    """Become the server; arguments are those of `Settings`.

    Raises:
        InputError: for an unusable checkpoint, and beams without guided decoding.
    """
    system = predicting_system(checkpoint.about, beams=beams, folder=checkpoint.folder)
    settings = Settings(
        checkpoint=str(checkpoint.folder.absolute()),
        about=checkpoint.about,
        package=package_for(system),
        beams=beams,
        batch=batch,
        device=device,
        dtype=dtype,
        host=host,
        port=port,
        queue=queue,
        timeout=timeout,
        characters=characters,
    )
    command = [sys.executable, "-m", MODULE, settings.model_dump_json()]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, command, {**WAITING, **os.environ})  # noqa: S606 (no shell is needed)
