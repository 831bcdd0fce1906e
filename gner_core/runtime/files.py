"""Files and folders that are whole or not there, whatever ends the process.

They are written aside, in the folder where they belong, and renamed when they are complete.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


def write_file(target: Path, content: str | bytes) -> None:
    """Write a file in place of what stands there; who reads it gets the old content or the new."""
    with replacing_file(target) as aside:
        aside.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing_file(target: Path) -> Iterator[Path]:
    """Give a path to write a file to, which becomes `target` if the block ends without an error.

    Several may do so at once: the last one stands.
    """
    aside = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    try:
        yield aside
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Give an empty folder, which becomes `target` if the block ends without an error.

    One at a time may do so; it deletes what a killed one has left.
    """
    aside = target.with_name(f".{target.name}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
        put_folder(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def put_folder(folder: Path, target: Path, *, durable: bool = False) -> None:
    """Rename a folder to `target`, in place of what stands there.

    Between the two there may be neither. With `durable`, the files are on the disk before they
    have their name, so that not even a power cut leaves half of them under it.
    """
    if durable:
        for path in (*folder.rglob("*"), folder):
            _sync(path)
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(folder, target)
    if durable:
        _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
