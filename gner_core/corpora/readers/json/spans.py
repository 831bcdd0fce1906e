"""Reads JSON records with entities as positions, of words (`word_spans`) or characters.

An entity is an object such as {"start": 0, "end": 3, "type": "person"} or a list such as
[0, 3, "person"]; the params name its keys and say whether the end is included.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gner_core.config.corpus import TextSpansFormat, WordSpansFormat
from gner_core.corpora.readers.json.records import (
    check_unicode,
    field,
    json_objects,
    list_of_strings,
    string,
)
from gner_core.corpora.readers.raw import Mention, RawSpans, RawText
from gner_core.errors import InputError


def read(
    path: Path, form: WordSpansFormat | TextSpansFormat, _repairs: Counter[str]
) -> Iterator[RawSpans | RawText]:
    """Yield the sentences or passages of a file."""
    for line, record in json_objects(path):
        where = f"{path}, line {line}"
        if isinstance(form, WordSpansFormat):
            words = list_of_strings(record, form.words_field, where=where)
            yield RawSpans(words, _mentions(record, form, len(words), where), line)
        else:
            text = string(record, form.text_field, where=where)
            yield RawText(text, _mentions(record, form, len(text), where), line)


def _mentions(
    record: dict[str, Any], form: WordSpansFormat | TextSpansFormat, length: int, where: str
) -> list[Mention]:
    entities = field(record, form.entities_field, where=where)
    if not isinstance(entities, list):
        raise InputError(f"{where}: {form.entities_field!r} must be a list")
    mentions = []
    for entity in entities:
        try:
            start, end, label = (entity[key] for key in form.entity_keys)
        except (KeyError, IndexError, TypeError):
            keys = ", ".join(repr(key) for key in form.entity_keys)
            raise InputError(f"{where}: entity {_short(entity)} has not {keys}") from None
        if type(start) is not int or type(end) is not int or not isinstance(label, str):
            raise InputError(f"{where}: entity {_short(entity)} is not two integers and a label")
        end += form.end_included
        if not 0 <= start < end <= length:
            raise InputError(f"{where}: entity {_short(entity)} lies outside 0 to {length}")
        check_unicode(label, where=where)
        mentions.append(Mention(start, end, label))
    return mentions


def _short(entity: Any) -> str:
    return repr(entity)[:80]
