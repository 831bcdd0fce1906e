"""Reads spaCy's JSON training data: documents with paragraphs, sentences and tokens.

A token has its text in `orth` and its tag in `ner`; `-` there says that nobody has decided, which
is counted and taken for O.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gner_core.config.corpus import SpacyFormat
from gner_core.corpora.readers.json.records import field, json_objects, string
from gner_core.corpora.readers.raw import RawSentence
from gner_core.errors import InputError


def read(path: Path, _form: SpacyFormat, repairs: Counter[str]) -> Iterator[RawSentence]:
    """Yield the sentences of a file."""
    for line, document in json_objects(path):
        where = f"{path}, line {line}"
        for paragraph in _objects(document, "paragraphs", where):
            for sentence in _objects(paragraph, "sentences", where):
                tokens = _objects(sentence, "tokens", where)
                words = [string(token, "orth", where=where) for token in tokens]
                tags = [string(token, "ner", where=where) for token in tokens]
                undecided = tags.count("-")
                if undecided:
                    repairs["words without a decision taken for O"] += undecided
                    tags = ["O" if tag == "-" else tag for tag in tags]
                yield RawSentence(words, tags, [line] * len(words))


def _objects(record: dict[str, Any], name: str, where: str) -> list[dict[str, Any]]:
    values = field(record, name, where=where)
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise InputError(f"{where}: {name!r} must be a list of objects")
    return values
