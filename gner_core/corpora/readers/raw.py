"""What readers yield, and the reading of text files with errors that name the line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gner_core.errors import InputError

NO_TEXT = {
    b"PAR1": "Parquet: write the entry with format: {kind: parquet, …}",
    b"ARROW1": "an Arrow file: write the entry with format: {kind: parquet, …}",
    b"PK\x03\x04": "a zip: unpack it",
    b"\x1f\x8b": "packed with gzip: unpack it",
    b"x\x9c": "packed with zlib, as spaCy's .spacy files: write doc.to_json() of each document",
    b"\xff\xfe": "UTF-16: save it as UTF-8",
    b"\xfe\xff": "UTF-16: save it as UTF-8",
}
"""First bytes of files that are not UTF-8 text → what they are, and what to do."""
MARK = "\ufeff"
"""The byte order mark, which also stands inside files that were joined with cat."""
_HEAD = 65_536


class Mention(NamedTuple):
    """An entity: characters or words `start` up to, not including, `end`."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class RawSentence:
    """Words and tags as published.

    `lines` holds the line number of each word, from 1. `unanswered` holds the types of questions
    without an answer. `starts` holds the positions at which sentences start, where the published
    text says more about them than the words do.
    """

    words: list[str]
    tags: Sequence[str]
    lines: Sequence[int]
    unanswered: tuple[str, ...] = ()
    starts: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class RawSpans:
    """Words, and entities as positions of words; both from the record that starts at `line`."""

    words: list[str]
    mentions: list[Mention]
    line: int


@dataclass(frozen=True, slots=True)
class RawText:
    """Running text, and entities as positions of characters; `unanswered` as in `RawSentence`."""

    text: str
    mentions: list[Mention]
    line: int
    unanswered: tuple[str, ...] = ()


Raw = RawSentence | RawSpans | RawText


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file with its line ends as they are, without byte order mark.

    Raises:
        InputError: when it cannot be read or is not UTF-8; then with the line.
    """
    try:
        content = path.read_bytes()
        check_text(path, content[:8])
        return content.decode("utf-8").removeprefix(MARK)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: not UTF-8 ({error.reason})") from None


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a UTF-8 file.

    LF or CRLF ends a line; CR alone does only in a file that starts without any LF.

    Raises:
        InputError: when the file cannot be read, or is not UTF-8; then with the line.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        check_text(path, head)
        # newline="\n": a token may hold other signs that Python takes for line ends.
        newline = None if b"\r" in head and b"\n" not in head else "\n"
        with path.open(encoding="utf-8", newline=newline) as handle:
            for number, line in enumerate(handle, start=1):
                yield number, line.rstrip("\r\n").removeprefix(MARK)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        read_text(path)  # raises an error with the line, unknown to the buffered reader
        raise


def check_text(path: Path, head: bytes) -> None:
    """Refuse a file whose first bytes say that it is something else than UTF-8 text."""
    for start, kind in NO_TEXT.items():
        if head.startswith(start):
            raise InputError(f"{path}, line 1: no text, but {kind}")
