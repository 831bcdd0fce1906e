"""Finished parts of a generation on disk, which are complete whatever ends the process.

A part is one batch. Its sentences depend on the lengths of all sentences only, so a resumed run,
or one on several devices, makes the same parts.

Example:
    >>> plan_parts([9, 3, 4], batch=2, tokens=100)
    [[1, 2], [0]]
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from gner_core.records import Sentence
from gner_core.runtime.files import replacing_file

R = TypeVar("R", bound=Sentence)


def plan_parts(sizes: Sequence[int], *, batch: int, tokens: int) -> list[list[int]]:
    """Return the indices of the sentences of every part, short ones first.

    Args:
        sizes: tokens of each sentence, at most.
        batch: sentences of a part, at most.
        tokens: padded tokens of a part, at most; one sentence always fits.
    """
    parts: list[list[int]] = []
    for index in sorted(range(len(sizes)), key=lambda i: (sizes[i], i)):
        if parts and len(parts[-1]) < min(batch, tokens // sizes[index]):
            parts[-1].append(index)
        else:
            parts.append([index])
    return parts


def keep_part(
    folder: Path,
    members: Sequence[int],
    records: Sequence[Sentence],
    *,
    write: Callable[[Path, Sequence[Any]], None],
) -> None:
    """Write a finished part as a whole.

    Args:
        write: writes records of their kind as one file.
    """
    name = f"{members[0]}-{members[-1]}-{len(members)}"
    with replacing_file(folder / f"{name}.parquet") as file:
        write(file, records)


def kept(folder: Path, *, read: Callable[[Path], Sequence[R]]) -> dict[str, R]:
    """Return all records of finished parts by the id of their sentence."""
    return {one.id: one for file in folder.glob("*.parquet") for one in read(file)}


def progress_of(folder: Path, sizes: Sequence[int]) -> tuple[int, float]:
    """Return how many sentences finished parts hold, and their share of all tokens (0 to 1).

    Both follow from the names of the files: the sentences of a part are of similar length.

    Args:
        sizes: tokens of each sentence.
    """
    done, tokens = 0, 0.0
    for file in folder.glob("*.parquet"):
        first, last, number = map(int, file.stem.split("-"))
        done += number
        tokens += number * (sizes[first] + sizes[last]) / 2
    return done, min(1.0, tokens / max(sum(sizes), 1))
