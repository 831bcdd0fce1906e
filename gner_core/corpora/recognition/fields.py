"""Recognises the fields of JSON records: words with tags, or a text or words with entities."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from gner_core.corpora.readers.json.records import json_objects
from gner_core.corpora.recognition.columns import TAG, recognise_scheme
from gner_core.errors import InputError

STARTS = ("start", "start_offset", "begin", "start_index", "from")
ENDS = ("end", "end_offset", "stop", "end_index", "to")
LABELS = ("label", "type", "entity_type", "tag", "entity_group", "class", "category")
LOOKED_AT = 1000
"""Records from which the form is concluded; all of them are read afterwards."""

Found = tuple[dict[str, Any], tuple[str, ...]]


def recognise_fields(path: Path) -> Found:
    """Return the values of the params of a JSON format and what the file leaves open.

    Raises:
        InputError: when the records hold neither tags nor entities.
    """
    records = [record for _, record in islice(json_objects(path), LOOKED_AT)]
    fields = [dict(_leaves(record)) for record in records]
    found = _tags(path, fields) or _entities(path, fields)
    if not found:
        seen = ", ".join(fields[0])[:200] if fields else "no record"
        raise InputError(f"{path}: neither words with tags nor entities with positions in: {seen}")
    return found


def _leaves(record: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if isinstance(value, dict) and not prefix:
            yield from _leaves(value, f"{key}.")
        else:
            yield prefix + key, value


def _column(fields: list[dict[str, Any]], name: str) -> list[Any]:
    return [record.get(name) for record in fields]


def _lists_of(values: list[Any], kind: type) -> bool:
    items = [item for value in values if isinstance(value, list) for item in value]
    return (
        all(isinstance(value, list) for value in values)
        and bool(items)
        and all(isinstance(item, kind) and not isinstance(item, bool) for item in items)
    )


def _tags(path: Path, fields: list[dict[str, Any]]) -> Found | None:
    names = list(fields[0]) if fields else []
    texts = [name for name in names if _lists_of(_column(fields, name), str)]
    numbers = [name for name in names if _lists_of(_column(fields, name), int)]
    tag_fields = [
        name
        for name in texts
        if all(TAG.fullmatch(t) for row in _column(fields, name) for t in row)
    ]
    for tags in [*tag_fields, *numbers]:
        for words in texts:
            both = zip(_column(fields, words), _column(fields, tags), strict=True)
            if words in tag_fields or any(len(a) != len(b) for a, b in both):
                continue
            if tags in numbers:
                highest = max(max(row, default=0) for row in _column(fields, tags))
                raise InputError(
                    f"{path}: tags in {tags!r} are integers from 0 to {highest}; their names are "
                    "not in the file: write the entry by hand, with tag_names: [O, B-…, …]"
                )
            scheme = recognise_scheme(iter(_column(fields, tags)))
            form = {"kind": "jsonl", "scheme": scheme, "words_field": words, "tags_field": tags}
            return form, ()
    return None


def _entities(path: Path, fields: list[dict[str, Any]]) -> Found | None:
    names = list(fields[0]) if fields else []
    texts = [name for name in names if all(isinstance(v, str) for v in _column(fields, name))]
    words = [name for name in names if _lists_of(_column(fields, name), str)]
    for name in names:
        keys = _keys([e for row in _column(fields, name) if isinstance(row, list) for e in row])
        if not keys:
            continue
        form: dict[str, Any] = {"entities_field": name, "entity_keys": list(keys)}
        if words:
            form |= {"kind": "word_spans", "words_field": words[0]}
            positions = _positions(fields, words[0], name, keys)
        elif texts:
            longest = max(texts, key=lambda text: sum(map(len, _column(fields, text))))
            form |= {"kind": "text_spans", "text_field": longest, "tokens": "blanks"}
            positions = _positions(fields, longest, name, keys)
        else:
            return None
        form["end_included"], problems = _end_included(path, positions)
        return form, problems
    return None


def _keys(entities: list[Any]) -> tuple[Any, Any, Any] | None:
    if not entities:
        return None
    first = entities[0]
    if isinstance(first, list) and len(first) >= 3:
        kinds = [type(item) for item in first[:3]]
        if kinds == [int, int, str]:
            return 0, 1, 2
        return (1, 2, 0) if kinds == [str, int, int] else None
    if isinstance(first, dict):
        named = [next((key for key in names if key in first), None) for names in (STARTS, ENDS)]
        texts = [key for key, value in first.items() if isinstance(value, str)]
        labels = [key for key in LABELS if key in texts] or texts
        if all(named) and labels:
            return named[0], named[1], labels[0]
    return None


def _positions(
    fields: list[dict[str, Any]], content: str, entities: str, keys: tuple[Any, Any, Any]
) -> Iterator[tuple[Any, int, int]]:
    for record in fields:
        for entity in record.get(entities) or []:
            try:
                start, end = entity[keys[0]], entity[keys[1]]
            except (KeyError, IndexError, TypeError):
                continue  # reported when the whole file is read
            if isinstance(start, int) and isinstance(end, int):
                yield record[content], start, end


def _end_included(
    path: Path, positions: Iterator[tuple[Any, int, int]]
) -> tuple[bool, tuple[str, ...]]:
    """Decide by ends that only one of the two meanings allows, then by ends inside words."""
    included = excluded = 0
    for content, start, end in positions:
        included += 1000 * (start == end)
        excluded += 1000 * (end == len(content))
        if isinstance(content, str) and 0 < end < len(content):
            before, at = content[end - 1].isalnum(), content[end].isalnum()
            excluded += before and not at
            included += at and not content[end + 1 : end + 2].isalnum()
    if included != excluded:
        return included > excluded, ()
    return False, (f"{path}: cannot tell whether an entity's end is included; check end_included",)
