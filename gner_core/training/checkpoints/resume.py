"""Checkpoints of an unfinished training; each exists as a whole or not at all.

A checkpoint holds float32 weights, AdamW's two averages by parameter name, the schedule, the
random states, the Trainer's state, whose update is the position in the data, and the best weights
so far (`best`). It does not depend on launcher, number of devices or ZeRO stage, so a training may
resume with others.
"""

import errno
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

from gner_core.runtime.files import put_folder, read_json, write_json

CHECKPOINT = "checkpoint-"
WRITING = ".writing"
FILES = "files.json"
"""Size and check sum of every other file; written last."""
CHUNK_BYTES = 1 << 24
FULL = (errno.ENOSPC, errno.EDQUOT)
TORCH_WRITER = ("inline_container.cc", "iostream error")
"""Parts of the messages of `torch.save` when it cannot write, whatever the reason."""
PROBE_BYTES = 1 << 20


def checkpoints(folder: Path) -> list[Path]:
    """Return the finished checkpoints, oldest first."""
    found = [path for path in folder.glob(f"{CHECKPOINT}*") if (path / FILES).is_file()]
    return sorted(found, key=update_of)


def update_of(checkpoint: Path) -> int:
    """Return the weight update after which a checkpoint was written."""
    return int(checkpoint.name.removeprefix(CHECKPOINT))


def begin(folder: Path, update: int) -> Path:
    """Return an empty temporary folder for a checkpoint."""
    shutil.rmtree(folder / WRITING, ignore_errors=True)
    unfinished = folder / WRITING / f"{CHECKPOINT}{update}"
    unfinished.mkdir(parents=True)
    return unfinished


def finish(unfinished: Path, folder: Path, *, keep: int) -> None:
    """Move a checkpoint from its temporary folder, and remove all but the `keep` newest."""
    sums = {
        file.relative_to(unfinished).as_posix(): {
            "bytes": file.stat().st_size,
            "crc32": _crc32(file),
        }
        for file in sorted(unfinished.rglob("*"))
        if file.is_file()
    }
    write_json(unfinished / FILES, sums)
    put_folder(unfinished, folder / unfinished.name, durable=True)
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old)


def newest_whole(folder: Path, *, warn: Callable[[str], None]) -> Path | None:
    """Return the newest checkpoint without damaged files; None if there is none.

    Damaged ones are reported through `warn` and renamed, so that their update can be saved again.
    """
    for checkpoint in reversed(checkpoints(folder)):
        fault = _fault(checkpoint)
        if fault is None:
            return checkpoint
        damaged = folder / f"damaged-{checkpoint.name}"
        put_folder(checkpoint, damaged)
        earlier = checkpoints(folder)
        goes_on = f"update {update_of(earlier[-1])}" if earlier else "the beginning"
        warn(f"{checkpoint}: damaged ({fault}), now {damaged.name}; going on from {goes_on}")
    return None


def disk_is_full(error: BaseException | None, folder: Path) -> bool:
    """Say whether writing into a folder failed because the disk or a quota is full.

    safetensors and shutil give the system's error in their text only. torch does not give it at
    all, so that a test file is written.
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
        written = read_json(checkpoint / FILES)
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
