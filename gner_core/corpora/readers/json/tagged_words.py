"""Reads JSON records with a list of words and a list of tags: texts, or integers with a map.

Also reads the record form of the paper's authors, with fields `instance.words` and
`instance.labels`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gner_core.config.corpus import JsonlFormat
from gner_core.corpora.readers.json.records import field, json_objects, list_of_strings
from gner_core.corpora.readers.raw import RawSentence
from gner_core.errors import InputError


def read(path: Path, form: JsonlFormat, _repairs: Counter[str]) -> Iterator[RawSentence]:
    """Yield the sentences of a file."""
    for line, record in json_objects(path):
        where = f"{path}, line {line}"
        words = list_of_strings(record, form.words_field, where=where)
        values = field(record, form.tags_field, where=where)
        tags = named_tags(words, values, form.tag_names, field=form.tags_field, where=where)
        yield RawSentence(words, tags, [line] * len(words))


def named_tags(
    words: Sequence[str], values: Any, names: Sequence[str] | None, *, field: str, where: str
) -> Sequence[str]:
    """Return the tags of words as texts: as they are, or the names of integers."""
    if not isinstance(values, list):
        raise InputError(f"{where}: {field!r} must be a list of strings or of integers")
    if len(words) != len(values):
        raise InputError(f"{where}: {len(words)} words but {len(values)} tags")
    if all(isinstance(value, str) for value in values):
        return values
    if names is None and all(isinstance(value, int) for value in values):
        raise InputError(f"{where}: {field!r} must be a list of strings; name integers: tag_names")
    if names is None:
        bad = next(value for value in values if not isinstance(value, str))
        raise InputError(f"{where}: tag {bad!r} in {field!r} is no text")
    for value in values:
        # bool is a kind of int in Python
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < len(names):
            raise InputError(
                f"{where}: tag {value!r} in {field!r} is not one of 0 to {len(names) - 1}"
            )
    return [names[value] for value in values]
