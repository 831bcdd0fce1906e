"""Checkpoints of an unfinished training: whole or not there, and the same whatever wrote them.

A checkpoint holds float32 weights, AdamW's two averages by parameter name, the schedule, the
random states, the Trainer's state (its update is the position in the data) and the best weights
until then, where weights are chosen (`training.best`). Nothing in it depends on launcher, number of devices or ZeRO stage, so any of them goes on from it.
"""

import errno
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

from gner_core.runtime.files import put_folder

CHECKPOINT = "checkpoint-"
WRITING = ".writing"
FILES = "files.json"
"""Size and check sum of every other file; written last."""
CHUNK_BYTES = 1 << 24
FULL = (errno.ENOSPC, errno.EDQUOT)
TORCH_WRITER = ("inline_container.cc", "iostream error")
"""Either stands in what `torch.save` raises when it cannot write, whatever the reason."""
PROBE_BYTES = 1 << 20


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints that were finished, oldest first."""
    found = [path for path in folder.glob(f"{CHECKPOINT}*") if (path / FILES).is_file()]
    return sorted(found, key=update_of)


def update_of(checkpoint: Path) -> int:
    """Return after which weight update a checkpoint was written."""
    return int(checkpoint.name.removeprefix(CHECKPOINT))


def begin(folder: Path, update: int) -> Path:
    """Return an empty folder in which a checkpoint is written aside."""
    shutil.rmtree(folder / WRITING, ignore_errors=True)
    aside = folder / WRITING / f"{CHECKPOINT}{update}"
    aside.mkdir(parents=True)
    return aside


def finish(aside: Path, folder: Path, *, keep: int) -> None:
    """Let a checkpoint that was written aside count, and remove all but the `keep` newest."""
    files = sorted(file for file in aside.rglob("*") if file.is_file())
    sums = {
        file.relative_to(aside).as_posix(): {"bytes": file.stat().st_size, "crc32": _crc32(file)}
        for file in files
    }
    (aside / FILES).write_text(json.dumps(sums, indent=1))
    put_folder(aside, folder / aside.name, durable=True)
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old)


def newest_whole(folder: Path, *, warn: Callable[[str], None]) -> Path | None:
    """Return the newest checkpoint whose files are as they were written; None where there is none.

    Damaged ones are named through `warn` and put aside, so that their place can be used again.
    """
    for checkpoint in reversed(checkpoints(folder)):
        fault = _fault(checkpoint)
        if fault is None:
            return checkpoint
        aside = folder / f"damaged-{checkpoint.name}"
        put_folder(checkpoint, aside)
        earlier = checkpoints(folder)
        goes_on = f"update {update_of(earlier[-1])}" if earlier else "the beginning"
        warn(f"{checkpoint}: damaged ({fault}), now {aside.name}; going on from {goes_on}")
    return None


def disk_is_full(error: BaseException | None, folder: Path) -> bool:
    """Say whether writing into a folder failed for want of space on the disk or in a quota.

    safetensors and shutil name the system's error in their text only. torch does not name it at
    all: there a file that is written tells.
    """
    while error is not None:
        text = str(error)
        if getattr(error, "errno", None) in FULL or any(os.strerror(n) in text for n in FULL):
            return True
        if any(words in text for words in TORCH_WRITER):
            return _has_no_room(folder)
        error = error.__cause__ or error.__context__
    return False


def _has_no_room(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(PROBE_BYTES))
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno in FULL
    return False


def _fault(checkpoint: Path) -> str | None:
    try:
        written = json.loads((checkpoint / FILES).read_text())
        for name, what in written.items():
            file = checkpoint / name
            if file.stat().st_size != what["bytes"]:
                return f"{name} has {file.stat().st_size} bytes, {what['bytes']} were written"
            if _crc32(file) != what["crc32"]:
                return f"{name} has another check sum"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _crc32(file: Path) -> int:
    value = 0
    with file.open("rb") as handle:
        while chunk := handle.read(CHUNK_BYTES):
            value = zlib.crc32(chunk, value)
    return value
