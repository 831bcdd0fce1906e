"""Reads JSON records with entities as positions, of words (`word_spans`) or characters.

An entity is an object such as {"start": 0, "end": 3, "type": "person"} or a list such as
[0, 3, "person"]; entities may also be one object of lists, as `datasets` stores them; the params
name its keys and say whether the end is included. Of several labels the first is taken, and
counted. Where an entity also holds its text, that is compared with the text
at its position (`gner_core.corpora.readers.positions`).

Records that an annotator did not accept (Prodigy) are left out and counted.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
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
from gner_core.corpora.readers.positions import Said, in_code_points
from gner_core.corpora.readers.raw import Mention, RawSpans, RawText
from gner_core.errors import InputError

MENTION_TEXTS = ("text", "word", "value", "surface", "mention", "surface_form", "entity_text")
"""Keys of an entity that hold its text."""
OTHER_TEXTS = ("mention_text", "span_text", "span", "phrase", "quote", "exact", "entity")
"""Keys that may also hold an id or a note: what they hold counts where the record's text has it."""
NOT_ACCEPTED = ("reject", "ignore")
NO_SPANS = ("classification", "choice", "text_input")
"""Prodigy's kinds of tasks in which no entity can be marked; a dataset may hold several kinds."""


def read(
    path: Path, form: WordSpansFormat | TextSpansFormat, repairs: Counter[str]
) -> Iterator[RawSpans | RawText]:
    """Yield the sentences or passages of a file."""
    for line, record in json_objects(path):
        where = f"{path}, line {line}"
        if record.get("answer") in NOT_ACCEPTED:
            repairs["records that were not accepted left out"] += 1
            continue
        if record.get("_view_id") in NO_SPANS and form.entities_field not in record:
            repairs["records of tasks without entities left out"] += 1
            continue
        if isinstance(form, WordSpansFormat):
            words = list_of_strings(record, form.words_field, where=where)
            said = _mentions(record, words, form, where, repairs)
            yield RawSpans(words, [_of_words(one, len(words)) for one in said], line)
        else:
            text = string(record, form.text_field, where=where)
            said = _mentions(record, text, form, where, repairs)
            yield RawText(text, in_code_points(text, said, repairs=repairs), line)


def label_of(value: Any, entity: Any, *, where: str, repairs: Counter[str]) -> str:
    """Return the label of an entity: a text, or the first of a list of texts."""
    if isinstance(value, str) and value.isascii() and value.strip():
        return value  # the usual case, and fast
    labels = value if isinstance(value, list) else [value]
    if not labels:
        raise InputError(f"{where}: entity {short(entity)} has no label")
    if not all(isinstance(label, str) for label in labels):
        raise InputError(f"{where}: entity {short(entity)} is not two integers and a label")
    if len(labels) > 1:
        repairs["further labels of an entity left out"] += len(labels) - 1
    if not labels[0].strip():
        raise InputError(f"{where}: entity {short(entity)} has an empty label")
    check_unicode(labels[0], where=where)
    return str(labels[0])


def as_objects(entities: Any) -> Any:
    """Return one object of lists of the same length as a list of objects, all else as it is."""
    if not is_object_of_lists(entities) or len(set(map(len, entities.values()))) > 1:
        return entities
    return [dict(zip(entities, one, strict=True)) for one in zip(*entities.values(), strict=True)]


def is_object_of_lists(value: Any) -> bool:
    """Say whether a value may be entities as one object of lists."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(one, list) for one in value.values())
    )


def short(entity: Any) -> str:
    """Return an entity as it stands in messages."""
    return repr(entity)[:80]


def _mentions(
    record: dict[str, Any],
    content: str | list[str],
    form: WordSpansFormat | TextSpansFormat,
    where: str,
    repairs: Counter[str],
) -> list[Said]:
    # Prodigy and Label Studio leave the field out where nothing was marked.
    is_reviewed = record.get("answer") == "accept" or "annotation_id" in record
    if is_reviewed and form.entities_field not in record:
        return []
    entities = as_objects(field(record, form.entities_field, where=where))
    if is_object_of_lists(entities):
        lengths = ", ".join(f"{key} {len(values)}" for key, values in entities.items())
        raise InputError(f"{where}: lists in {form.entities_field!r} differ in length: {lengths}")
    if not isinstance(entities, list):
        raise InputError(f"{where}: {form.entities_field!r} must be a list")
    said = []
    for entity in entities:
        try:
            start, end, value = (entity[key] for key in form.entity_keys)
        except (KeyError, IndexError, TypeError):
            keys = ", ".join(repr(key) for key in form.entity_keys)
            raise InputError(f"{where}: entity {short(entity)} has not {keys}") from None
        if type(start) is not int or type(end) is not int:
            raise InputError(f"{where}: entity {short(entity)} is not two integers and a label")
        label = label_of(value, entity, where=where, repairs=repairs)
        text = mention_text(entity, form.entity_keys, content)
        said.append(Said([(start, end + form.end_included)], label, text, where))
    return said


def mention_text(entity: Any, keys: Sequence[Any], content: Any) -> str | None:
    """Return the text that an entity says it has: under a known key, or the fourth of a list.

    Args:
        keys: of start, end and label.
        content: the text, or the words, of its record.
    """
    whole = content if isinstance(content, str) else " ".join(map(str, content))
    if isinstance(entity, dict):
        surely = [entity.get(key) for key in MENTION_TEXTS if key not in keys]
        perhaps = [entity.get(key) for key in OTHER_TEXTS if key not in keys]
    else:
        surely = []
        perhaps = [one for at, one in enumerate(entity) if len(entity) == 4 and at not in keys]
    held = [one for one in perhaps if isinstance(one, str) and one in whole]
    return next((one for one in [*surely, *held] if isinstance(one, str)), None)


def _of_words(said: Said, words: int) -> Mention:
    ((start, end),) = said.pieces
    if not 0 <= start < end <= words:
        raise InputError(f"{said.where}: {start} to {end} lies outside the {words} words")
    return Mention(start, end, said.label)
