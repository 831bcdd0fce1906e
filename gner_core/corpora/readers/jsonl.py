"""Reads JSON lines: an object a line, with a list of words and a list of BIO tags.

Example:
    {"words": ["Ada", "waves"], "tags": ["B-person", "O"]}
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gner_core.corpora.readers.raw import RawSentence, text_lines
from gner_core.corpus_params import JsonlFormat
from gner_core.errors import InputError


def read(path: Path, form: JsonlFormat) -> Iterator[RawSentence]:
    """Yield the sentences of a file; empty lines are passed over.

    Raises:
        InputError: for a line that is not such an object, with file and line.
    """
    for number, line in text_lines(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: not valid JSON ({error})") from None
        if not isinstance(record, dict):
            raise InputError(f"{path}, line {number}: not a JSON object")
        words = _strings(record, form.words_field, f"{path}, line {number}")
        tags = _strings(record, form.tags_field, f"{path}, line {number}")
        if len(words) != len(tags):
            raise InputError(f"{path}, line {number}: {len(words)} words but {len(tags)} tags")
        yield RawSentence(words, tags, [number] * len(words))


def _strings(record: dict[str, Any], field: str, where: str) -> list[str]:
    values = record.get(field)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InputError(f"{where}: {field!r} must be a list of strings")
    return values
