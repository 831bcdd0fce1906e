"""Starts the server of a checkpoint in the place of this process: one process loads the model."""

import os
import sys
from typing import NoReturn

from gner_core.predicting.loading.system import predicting_system
from gner_core.serving.settings import Options, Settings
from tasks.checkpoints.foreign import Usable, package_of_system
from tasks.workers import WAITING

MODULE = "gner_core.serving"


def serve(checkpoint: Usable, options: Options) -> NoReturn:
    """Become the server.

    Raises:
        InputError: for an unusable checkpoint, and beams without guided decoding.
    """
    system = predicting_system(checkpoint.about, beams=options.beams, folder=checkpoint.folder)
    settings = Settings(
        checkpoint=str(checkpoint.folder.absolute()),
        about=checkpoint.about,
        package=package_of_system(system),
        **dict(options),
    )
    command = [sys.executable, "-m", MODULE, settings.model_dump_json()]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, command, {**WAITING, **os.environ})  # noqa: S606 (no shell is needed)
