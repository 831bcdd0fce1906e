"""What every reader yields, and how a text file is opened so that faults name their line.

Owns `RawSentence` and `text_lines`. Does not own what tags mean (`gner_core.corpora.prepare`).

Example:
    for number, line in text_lines(Path("train.tsv")):
        print(number, line)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gner_core.errors import InputError


@dataclass(frozen=True, slots=True)
class RawSentence:
    """Words and tags as published. `lines` holds the line number of each word, from 1."""

    words: list[str]
    tags: list[str]
    lines: list[int]


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a UTF-8 file.

    Raises:
        InputError: when the file is missing, or a line is not UTF-8.
    """
    try:
        handle = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    with handle:
        for number, raw in enumerate(handle, start=1):
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise InputError(f"{path}, line {number}: not UTF-8 ({error.reason})") from None
            yield number, line.removeprefix("\ufeff").rstrip("\r\n")
