"""Reads CoNLL columns: one token a line, an empty line between sentences.

A line with a blank token and a tag is not an empty line, one that is only a blank is (Broad
Twitter Corpus has both), so lines are never stripped of tabs before they are split.

A first token `-DOCSTART-` marks a document. Alone (CoNLL-2003) its sentence is left out; before
other tokens (HarveyNER) only the token is. Both are counted.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from gner_core.config.corpus import ConllFormat
from gner_core.corpora.readers.raw import RawSentence, text_lines
from gner_core.errors import InputError

DOCSTART = "-DOCSTART-"


def read(path: Path, form: ConllFormat, repairs: Counter[str]) -> Iterator[RawSentence]:
    """Yield the sentences of a file."""
    words: list[str] = []
    tags: list[str] = []
    start = 1
    tabs = form.separator == "tab"
    token, tag = form.token_column, form.tag_column
    least = form.columns or max(token, tag, 1) + 1
    # This loop runs once per token of a corpus: one split, one comparison, two appends.
    for number, line in chain(text_lines(path), [(0, "")]):  # an empty line ends the last, too
        cells = line.split("\t") if tabs else split_at_blanks(line)
        if len(cells) == least or (form.columns is None and len(cells) > least):
            if not words:
                start = number
            words.append(cells[token])
            tags.append(cells[tag])
        elif cells and line.strip(" "):
            raise InputError(
                f"{path}, line {number}: {len(cells)} {form.separator}-separated columns where "
                f"{'' if form.columns else 'at least '}{least} were expected: {line[:60]!r}"
            )
        elif words:
            lines = range(start, start + len(words))
            yield from _sentence(RawSentence(words, tags, lines), path, form, repairs)
            words, tags = [], []


def split_at_blanks(line: str) -> list[str]:
    """Split at runs of spaces and tabs; other white space may be part of a token."""
    cells = line.replace("\t", " ").split(" ")
    return [cell for cell in cells if cell] if "" in cells else cells


def _sentence(
    raw: RawSentence, path: Path, form: ConllFormat, repairs: Counter[str]
) -> Iterator[RawSentence]:
    """Yield a sentence without DOCSTART and token prefix, or nothing where nothing is left."""
    if raw.words[0].startswith(DOCSTART):
        alone = len(raw.words) == 1
        repairs[f"{DOCSTART} {'sentences' if alone else 'tokens'} left out"] += 1
        if alone:
            return
        raw = RawSentence(raw.words[1:], raw.tags[1:], raw.lines[1:])
    if form.token_prefix:
        for word, number in zip(raw.words, raw.lines, strict=True):
            if not word.startswith(form.token_prefix):
                raise InputError(
                    f"{path}, line {number}: token {word[:60]!r} does not start with the "
                    f"corpus' token_prefix {form.token_prefix!r}"
                )
        words = [word.removeprefix(form.token_prefix) for word in raw.words]
        raw = RawSentence(words, raw.tags, raw.lines)
    yield raw
