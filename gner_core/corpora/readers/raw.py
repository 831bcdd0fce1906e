"""What readers yield, and the reading of text files with errors that name the line."""

import codecs
import re
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
    codecs.BOM_UTF32_LE: "UTF-32: save it as UTF-8",
    b"x\x9c": "packed with zlib, as spaCy's .spacy files: write doc.to_json() of each document",
}
"""First bytes of files that are no text that is read → what they are, and what to do."""
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
MARK = "\ufeff"
"""The byte order mark, which also stands inside files that were joined with cat."""
_JOINT = re.compile(r"(?<=[}\]])\ufeff(?=[{\[])|^\ufeff+")
"""Where a file with a mark was joined to another one: at a line, or between JSON values."""
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
    """Return the text of a file with its line ends as they are, without byte order mark.

    Raises:
        InputError: when it cannot be read or is neither UTF-8 nor UTF-16 with a mark; of UTF-8
            with the line.
    """
    try:
        content = path.read_bytes()
        return content.decode(encoding_of(path, content[:_HEAD])).removeprefix(MARK)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: not {error.encoding.upper()} ({error.reason})"
        ) from None


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a file.

    LF or CRLF ends a line; CR alone does where most lines at the start of the file end so. Where
    files with byte order marks were joined, an empty line separates them.

    Raises:
        InputError: as `read_text`.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        encoding = encoding_of(path, head)
        text = head.decode(encoding, errors="ignore")
        is_marked = text.startswith(MARK) or encoding != "utf-8"
        # newline="\n": a token may hold other signs that Python takes for line ends.
        newline = None if text.count("\r") - text.count("\r\n") > text.count("\n") else "\n"
        with path.open(encoding=encoding, newline=newline) as handle:
            for number, ended in enumerate(handle, start=1):
                line = ended.rstrip("\r\n")
                if MARK not in line:
                    yield number, line
                    continue
                line = line.lstrip(MARK) if number == 1 or not is_marked else line
                yield from ((number, part) for part in _JOINT.sub("\n", line).split("\n"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        read_text(path)  # raises an error with the line, unknown to the buffered reader
        raise


def is_plain_utf8(path: Path) -> bool:
    """Say whether a file is UTF-8 without byte order mark, so that it can be cut at any line end."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return encoding_of(path, head) == "utf-8" and not head.startswith(codecs.BOM_UTF8)


def encoding_of(path: Path, head: bytes) -> str:
    """Return the encoding of a text file by its first bytes; refuse one that is something else."""
    for start, kind in NO_TEXT.items():
        if head.startswith(start):
            raise InputError(f"{path}, line 1: no text, but {kind}")
    if head.startswith(UTF16):
        return "utf-16"
    refuse_nul(head, path)
    return "utf-8"


def refuse_nul(data: bytes, file: str | Path, *, first: int = 1) -> None:
    """Refuse text with the character NUL, as UTF-16 has everywhere when it is read as UTF-8.

    Args:
        first: number of the line with which the data begin.
    """
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + first
        raise InputError(
            f"{file}, line {line}: holds a NUL, which no text does; UTF-16 without a byte order "
            "mark is to be saved as UTF-8"
        )
