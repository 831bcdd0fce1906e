"""Reads CoNLL columns: one token a line, an empty line between sentences.

A line with a blank token and a tag is not an empty line, one that is only a blank is (Broad
Twitter Corpus has both), so lines are never stripped of tabs before they are split.

Example:
    list(read(Path("train.tsv"), ConllFormat(kind="conll", separator="tab", columns=2,
                                             token_column=0, tag_column=1)))
"""

from collections.abc import Iterator
from pathlib import Path

from gner_core.corpora.readers.raw import RawSentence, text_lines
from gner_core.corpus_params import ConllFormat
from gner_core.errors import InputError


def read(path: Path, form: ConllFormat) -> Iterator[RawSentence]:
    """Yield the sentences of a file.

    Raises:
        InputError: for a line with a wrong number of columns, with file and line.
    """
    sentence = RawSentence([], [], [])
    for number, line in text_lines(path):
        if not line.strip(" "):
            if sentence.words:
                yield sentence
                sentence = RawSentence([], [], [])
            continue
        cells = line.split("\t") if form.separator == "tab" else line.split()
        if len(cells) != form.columns:
            raise InputError(
                f"{path}, line {number}: {len(cells)} {form.separator}-separated columns "
                f"where {form.columns} were expected: {line[:60]!r}"
            )
        sentence.words.append(cells[form.token_column])
        sentence.tags.append(cells[form.tag_column])
        sentence.lines.append(number)
    if sentence.words:
        yield sentence
