"""Reads spaCy's JSON training data: documents with paragraphs, sentences and tokens.

A token has its text in `orth` and its tag in `ner`; `-` there says that nobody has decided, which
is counted and taken for O.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gner_core.config.corpus import SpacyFormat
from gner_core.corpora.readers.json.records import json_objects, list_of_objects, string
from gner_core.corpora.readers.raw import RawSentence


def read(path: Path, _form: SpacyFormat, repairs: Counter[str]) -> Iterator[RawSentence]:
    """Yield the sentences of a file."""
    for line, document in json_objects(path):
        where = f"{path}, line {line}"
        for paragraph in list_of_objects(document, "paragraphs", where=where):
            for sentence in list_of_objects(paragraph, "sentences", where=where):
                tokens = list_of_objects(sentence, "tokens", where=where)
                words = [string(token, "orth", where=where) for token in tokens]
                tags = [string(token, "ner", where=where) for token in tokens]
                undecided = tags.count("-")
                if undecided:
                    repairs["words without a decision taken for O"] += undecided
                    tags = ["O" if tag == "-" else tag for tag in tags]
                yield RawSentence(words, tags, [line] * len(words))
