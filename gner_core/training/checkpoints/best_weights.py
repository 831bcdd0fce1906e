"""The files of the best weights so far, as `save_pretrained` writes them.

They are in a folder `best` next to the checkpoints. Every checkpoint holds hard links to them, so a
training that resumes from it has the weights that were the best until then. Best weights newer than
the newest checkpoint may be lost with a kill; the resumed training then finds them again.
"""

import os
import shutil
from pathlib import Path

BEST = "best"


def add_to(checkpoint: Path, scratch: Path) -> None:
    """Add the best weights, if there are any, to a checkpoint that is being written."""
    _linked(scratch / BEST, checkpoint / BEST)


def restore(checkpoint: Path | None, scratch: Path) -> None:
    """Make the best weights those of a checkpoint; without one there are none."""
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
