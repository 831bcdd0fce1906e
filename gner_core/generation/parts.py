"""Finished parts of a generation on disk, which are complete whatever ends the process.

A part is one batch. Its sentences depend on the lengths of all sentences only, so a resumed run,
or one on several devices, makes the same parts.

Example:
    >>> plan_parts([9, 3, 4], batch=2, tokens=100)
    [[1, 2], [0]]
"""

from collections.abc import Sequence
from pathlib import Path

from gner_core.records import Prediction, read_predictions, write_predictions
from gner_core.runtime.files import replacing_file


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


def keep_part(folder: Path, members: Sequence[int], predictions: Sequence[Prediction]) -> None:
    """Write a finished part as a whole."""
    name = f"{members[0]}-{members[-1]}-{len(members)}"
    with replacing_file(folder / f"{name}.parquet") as file:
        write_predictions(file, predictions)


def kept(folder: Path) -> dict[str, Prediction]:
    """Return all predictions of finished parts by the id of their sentence."""
    return {p.id: p for file in folder.glob("*.parquet") for p in read_predictions(file)}


def count_kept(folder: Path) -> int:
    """Return the number of sentences in finished parts, from the names of their files."""
    return sum(int(file.stem.rpartition("-")[2]) for file in folder.glob("*.parquet"))
