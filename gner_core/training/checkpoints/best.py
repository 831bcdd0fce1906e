"""The files of the best weights so far: replaced as a whole, and safe in every checkpoint.

They lie in a folder `best` beside the checkpoints, as `save_pretrained` writes them. A checkpoint
takes them in as hard links, which cost no space, so whatever checkpoint a training goes on from,
it has the weights that were the best until then. Weights that became the best after the newest
checkpoint may be lost with a kill: they are found again on the way.
"""

import os
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from gner_core.runtime.files import replacing_folder

BEST = "best"


def replaced(scratch: Path) -> AbstractContextManager[Path]:
    """Give an empty folder; what is written there becomes the best weights if all goes well."""
    return replacing_folder(scratch / BEST)


def take_in(scratch: Path, checkpoint: Path) -> None:
    """Add the best weights to a checkpoint that is being written; nothing where there are none."""
    _linked(scratch / BEST, checkpoint / BEST)


def restore(checkpoint: Path | None, scratch: Path) -> None:
    """Let the best weights be those of a checkpoint, or none without one."""
    shutil.rmtree(scratch / BEST, ignore_errors=True)
    if checkpoint is not None:
        _linked(checkpoint / BEST, scratch / BEST)


def publish(scratch: Path, output: Path) -> None:
    """Copy the best weights into the output folder."""
    shutil.copytree(scratch / BEST, output, dirs_exist_ok=True)


def _linked(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_link)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)
