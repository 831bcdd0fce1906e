"""Reads CoNLL columns: one token a line, an empty line between sentences.

A line with a blank token and a tag is not an empty line, one whose cells are all blank is, so lines
are never stripped of tabs before they are split.

Lines that are no tokens are left out and counted:
- `-DOCSTART-` with any number of columns, which also ends a sentence;
- comments: `# …` before the first token of a sentence, unless it is a token (`is_token`);
- with `id_column`, the ranges (`2-3`) and empty nodes (`3.1`) of CoNLL-U.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from gner_core.config.corpus import ConllFormat
from gner_core.corpora.readers.raw import RawSentence, text_lines
from gner_core.corpora.tag_schemes import BARE_LABEL, Scheme, is_tag
from gner_core.errors import InputError

DOCSTART = "-DOCSTART-"
NO_WORD = re.compile(r"\d+(?:-\d+|\.\d+)")
"""The id of a range or of an empty node in CoNLL-U."""


def read(path: Path, form: ConllFormat, repairs: Counter[str]) -> Iterator[RawSentence]:
    """Yield the sentences of a file."""
    words: list[str] = []
    tags: list[str] = []
    lines: list[int] = []
    tabs = form.separator == "tab"
    token, tag = form.token_column, form.tag_column
    least = _least_columns(form)
    # This loop runs once per token of a corpus: one split, a few comparisons, three appends.
    for number, line in chain(text_lines(path), [(0, "")]):  # an empty line ends the last, too
        cells = line.split("\t") if tabs else split_at_blanks(line)
        is_document = DOCSTART in line and is_document_line(cells, token)
        if is_document:
            repairs[f"{DOCSTART} lines left out"] += 1
        if is_document or not line or line.isspace():
            if words:
                raw = RawSentence(words, tags, lines)
                yield _without_prefix(raw, path, form) if form.token_prefix else raw
                words, tags, lines = [], [], []
            continue
        fits = len(cells) == least or (form.columns is None and len(cells) > least)
        is_first = not words and line[0] == "#"
        if is_first and not (fits and is_token(cells[0], cells[tag], form.scheme)):
            repairs["comment lines left out"] += 1
        elif not fits:
            raise InputError(f"{path}, line {number}: {wrong_columns(line, cells, form)}")
        elif form.id_column is not None and NO_WORD.fullmatch(cells[form.id_column]):
            repairs["ranges and empty nodes of CoNLL-U left out"] += 1
        else:
            words.append(cells[token])
            tags.append(cells[tag])
            lines.append(number)


def is_token(first: str, tag: str, scheme: Scheme) -> bool:
    """Say whether a line that begins with # holds a token, and is no comment.

    Its tag says so. Bare labels look like any other word; there, `#iPhone` is a token and `#` none.

    Args:
        first: its first cell.
        tag: the cell of its tag.
    """
    hashtag = len(first) > 1 and not any(map(str.isspace, first))
    return is_tag(tag, scheme) or (
        scheme == "io" and hashtag and bool(BARE_LABEL.fullmatch(tag.strip()))
    )


def wrong_columns(line: str, cells: list[str], form: ConllFormat) -> str:
    """Say that a line has not the columns of its corpus."""
    wanted = f"{'' if form.columns else 'at least '}{_least_columns(form)} were expected"
    return f"{len(cells)} {form.separator}-separated columns where {wanted}: {line[:60]!r}"


def _least_columns(form: ConllFormat) -> int:
    return form.columns or max(form.token_column, form.tag_column, 1) + 1


def is_document_line(cells: list[str], token: int) -> bool:
    """Say whether a line starts a document: with -DOCSTART- as its first cell or its token."""
    return cells[0].startswith(DOCSTART) or cells[token : token + 1] == [DOCSTART]


def split_at_blanks(line: str) -> list[str]:
    """Split at runs of spaces and tabs; other white space may be part of a token."""
    cells = line.replace("\t", " ").split(" ")
    return [cell for cell in cells if cell] if "" in cells else cells


def _without_prefix(raw: RawSentence, path: Path, form: ConllFormat) -> RawSentence:
    prefix = form.token_prefix or ""
    for word, number in zip(raw.words, raw.lines, strict=True):
        if not word.startswith(prefix):
            raise InputError(
                f"{path}, line {number}: token {word[:60]!r} does not start with the "
                f"corpus' token_prefix {prefix!r}"
            )
    return RawSentence([word.removeprefix(prefix) for word in raw.words], raw.tags, raw.lines)
