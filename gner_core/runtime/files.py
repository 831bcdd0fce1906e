"""Atomic writes, where files and folders appear when they are complete, or not at all; and JSON.

They are written under another name in the same folder and renamed.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{8}\.part")


def write_file(target: Path, content: str | bytes) -> None:
    """Write a file atomically: a reader gets the old content or the new."""
    with replacing_file(target) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(file: Path, value: object) -> None:
    """Write a value as JSON in UTF-8, whatever the locale; not atomically."""
    file.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")


def read_json(file: Path) -> Any:
    """Return the value of a JSON file in UTF-8.

    Raises:
        OSError, ValueError: when it cannot be read.
    """
    return json.loads(file.read_text(encoding="utf-8"))


def is_unfinished(name: str) -> bool:
    """Say whether a file is one that `replacing_file` is writing, or that a killed process left."""
    return bool(_UNFINISHED.fullmatch(name))


@contextmanager
def replacing_file(target: Path) -> Iterator[Path]:
    """Yield a path to write a file to, which becomes `target` if the block ends without an error.

    Several processes may do so at once: the last one wins.
    """
    unfinished = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    try:
        yield unfinished
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder, which becomes `target` if the block ends without an error.

    One process at a time may do so; it deletes what a killed one has left.
    """
    unfinished = target.with_name(f".{target.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        put_folder(unfinished, target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def put_folder(folder: Path, target: Path, *, durable: bool = False) -> None:
    """Replace the folder `target` by another; for a moment there is neither.

    With `durable`, the files are on the disk before the folder gets its name, so that not even a
    power cut leaves half of them under it.
    """
    if durable:
        for path in (*folder.rglob("*"), folder):
            sync(path)
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(folder, target)
    if durable:
        sync(target.parent)


def sync(path: Path) -> None:
    """Make sure that a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
