"""Reads PubTator: a title line, an abstract line, then a line per entity; empty lines between.

Positions count characters of title, one blank and abstract. A composite mention ("renal and/or
hepatic dysfunction") stays one entity and is counted; relations are passed over and counted.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from gner_core.config.corpus import PubtatorFormat
from gner_core.corpora.readers.positions import Said, in_code_points
from gner_core.corpora.readers.raw import RawText, text_lines
from gner_core.errors import InputError

_NUMBER = re.compile(r"\d{1,9}")
_TEXT = re.compile(r"(?P<id>[^|\t]+)\|(?P<part>[ta])\|(?P<text>.*)")


@dataclass(slots=True)
class _Document:
    id: str
    line: int
    title: str
    abstract: str | None = None
    said: list[Said] = field(default_factory=list)

    @property
    def text(self) -> str:
        return f"{self.title} {self.abstract}"


def read(path: Path, _form: PubtatorFormat, repairs: Counter[str]) -> Iterator[RawText]:
    """Yield title and abstract of each document as one passage."""
    document: _Document | None = None
    for number, line in chain(text_lines(path), [(0, "")]):  # an empty line ends the last one, too
        where = f"{path}, line {number}"
        match = _TEXT.fullmatch(line)
        if match and match["part"] == "t":
            if document:
                yield _finished(document, path, repairs)
            document = _Document(match["id"], number, match["text"])
        elif match:
            if not document or document.abstract is not None or match["id"] != document.id:
                raise InputError(f"{where}: an abstract without a title before it")
            document.abstract = match["text"]
        elif line.strip():
            if not document or document.abstract is None:
                raise InputError(f"{where}: not a title or abstract: {line[:60]!r}")
            _annotate(document, line.split("\t"), where, repairs)
        elif document:
            yield _finished(document, path, repairs)
            document = None


def _finished(document: _Document, path: Path, repairs: Counter[str]) -> RawText:
    if document.abstract is None:
        raise InputError(f"{path}, line {document.line}: a title without an abstract behind it")
    mentions = in_code_points(document.text, document.said, repairs=repairs)
    return RawText(document.text, mentions, document.line)


def _annotate(document: _Document, cells: list[str], where: str, repairs: Counter[str]) -> None:
    if cells[0] != document.id:
        raise InputError(f"{where}: annotates {cells[0][:40]!r} below document {document.id!r}")
    if len(cells) == 4 and not _NUMBER.fullmatch(cells[1]):
        repairs["annotations other than entities passed over"] += 1
        return
    if len(cells) < 5 or not all(_NUMBER.fullmatch(cell) for cell in cells[1:3]):
        raise InputError(f"{where}: not an entity: {' '.join(cells)[:60]!r}")
    pieces = [(int(cells[1]), int(cells[2]))]
    if len(cells) > 6 and cells[6]:
        repairs["composite entities kept as one"] += 1
    document.said.append(Said(pieces, cells[4], cells[3], where))
