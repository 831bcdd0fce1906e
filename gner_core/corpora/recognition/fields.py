"""Recognises the fields of records: words with tags, or a text or words with entities.

Names decide, and whether the values fit each other; the length of a text never does. Fields are
looked for in all records, so that one that differs is named when the file is read.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from gner_core.corpora.readers.json.records import TEXT_FIELDS, json_objects
from gner_core.corpora.readers.json.spans import as_objects, is_object_of_lists, short
from gner_core.corpora.readers.parquet import class_names
from gner_core.corpora.readers.tables import is_table, table_schema
from gner_core.corpora.recognition.columns import (
    NO_LABELS,
    SHOWN,
    TAGS_ARE,
    are_bare_labels,
    are_prefixes_alone,
    are_tags,
    recognise_scheme,
)
from gner_core.corpora.recognition.entities import (
    Entities,
    Keys,
    is_start,
    keys_of,
    ranked,
)
from gner_core.corpora.tag_schemes import TAG
from gner_core.errors import InputError

TAG_FIELDS = ("ner_tags", "ner", "ner_labels", "entity_tags", "tags", "labels", "label")
WORD_FIELDS = ("tokens", "words", "tokenized_text", "token", "sentence", "text")
ENTITY_FIELDS = ("entities", "spans", "ents", "label", "labels", "ner", "annotations", "mentions")
INSIDE = 0.1
"""Share of the starts and ends of entities that lie inside words from which that is said."""
NEEDED = (
    "an entity has a start, an end and a label, as [0, 3, person]; tags are lists as long as words"
)
MOST_TAGS = 10_000
"""Names of integer tags at most; greater numbers are ids and the like."""
LOOKED_AT = 1000
"""Records from which the form is concluded; all of them are read afterwards."""

Record = dict[str, Any]
Found = tuple[dict[str, Any], tuple[str, ...]]


def recognise_fields(path: Path) -> Found:
    """Return the values of the params of a format of records, and what the file leaves open.

    Raises:
        InputError: when the records hold neither tags nor entities.
    """
    numbered = list(islice(json_objects(path), LOOKED_AT))
    objects = [record for _, record in numbered]
    if _most(objects, lambda one: isinstance(one.get("paragraphs"), list)):
        return {"kind": "spacy", "scheme": "bilou"}, ()
    tasks = [one for one in objects if isinstance(one.get("data"), dict) and "annotations" in one]
    if tasks and len(tasks) * 2 > len(objects):
        return _label_studio(path, tasks)
    records = [dict(_leaves(record)) for record in objects]
    lines = [line for line, _ in numbered]
    found = _tags(path, records, lines) or _entities(path, records)
    if not found:
        seen = ", ".join(dict.fromkeys(name for one in records for name in one))[:200]
        what = f"{path}: neither words with tags nor entities with positions in: "
        if is_table(path):
            what = (
                f"{path} is Parquet: write the entry with format: {{kind: parquet, …}}; columns: "
            )
        raise InputError(f"{what}{seen or 'no record'}{_other_tags(records, lines)}; {NEEDED}")
    return found


def _label_studio(path: Path, tasks: Sequence[Record]) -> Found:
    records = []
    for task in tasks:
        regions = [
            result["value"]
            for one in _objects(task["annotations"])
            for result in _objects(one.get("result"))
            if isinstance(result.get("value"), dict) and "start" in result["value"]
        ]
        records.append({**task["data"], "": regions})
    texts = _fields(records, lambda value: isinstance(value, str), TEXT_FIELDS)
    if not texts:
        raise InputError(f"{path}: no text in the 'data' of tasks")
    entities = Entities(records, "", ("start", "end", "labels"), included=False)
    best = max(texts, key=entities.fit_of_text)
    form = {"kind": "label_studio", "tokens": "blanks", "text_field": best}
    return form, tuple(_misplaced(path, entities, best, included=False))


def _objects(values: Any) -> list[Record]:
    """Return the objects of a list; what else stands there is named when the file is read."""
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []


def _leaves(record: Record, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if isinstance(value, dict) and not prefix:
            is_entities = any(map(is_start, value)) and is_object_of_lists(value)
            yield from [(key, as_objects(value))] if is_entities else _leaves(value, f"{key}.")
        else:
            yield prefix + key, value


def _most(records: Sequence[Record], test: Callable[[Record], bool]) -> bool:
    return sum(map(test, records)) * 2 > len(records)


def _fields(
    records: Sequence[Record], test: Callable[[Any], bool], names: Sequence[str]
) -> list[str]:
    """Return the fields of which at least half of the values pass a test, known names first."""
    seen = dict.fromkeys(name for record in records for name in record)
    passed = []
    for name in seen:
        values = [record[name] for record in records if name in record and record[name] != []]
        if values and sum(map(test, values)) * 2 >= len(values):
            passed.append(name)
    return ranked(passed, names)


def _is_list_of(kind: type) -> Callable[[Any], bool]:
    def test(value: Any) -> bool:
        return isinstance(value, list) and all(
            isinstance(item, kind) and not isinstance(item, bool) for item in value
        )

    return test


def _are_numbers_of_tags(value: Any) -> bool:
    """Say whether a value is a list of integers that are small enough to have names."""
    return _is_list_of(int)(value) and all(0 <= number < MOST_TAGS for number in value)


def _tags(path: Path, records: list[Record], lines: Sequence[int]) -> Found | None:
    """Return the form of words with tags: with prefixes, integers, bare labels, bare prefixes.

    Args:
        lines: of the records, for messages.
    """
    lists = _fields(records, _is_list_of(str), WORD_FIELDS)
    values = {name: [*map(str, _items(records, name))] for name in lists}
    prefixed = [name for name in lists if are_tags(values[name])]
    numbers = _fields(records, _are_numbers_of_tags, TAG_FIELDS)
    bare = [name for name in lists if are_bare_labels(values[name])]
    alone = [name for name in lists if are_prefixes_alone(values[name])]
    kinds = (("prefixed", prefixed), ("number", numbers), ("io", bare), ("unlabelled", alone))
    for kind, names in kinds:
        for tags in ranked(names, TAG_FIELDS):
            for words in lists:
                if words in names or words in prefixed or not _same_lengths(records, words, tags):
                    continue
                if kind == "number":
                    return _numbered(path, records, lines, words=words, tags=tags, numbers=numbers)
                lists_of_tags = [record.get(tags) for record in records]
                rows = [[*map(str, row)] for row in lists_of_tags if isinstance(row, list)]
                scheme = recognise_scheme(rows) if kind == "prefixed" else kind
                problems = (f"{path}: {NO_LABELS}",) if kind == "unlabelled" else ()
                return _tagged(path, scheme, words, tags), problems
    return None


def _tagged(path: Path, scheme: str, words: str, tags: str) -> dict[str, Any]:
    kind = "parquet" if is_table(path) else "jsonl"
    return {"kind": kind, "scheme": scheme, "words_field": words, "tags_field": tags}


def _numbered(
    path: Path,
    records: list[Record],
    lines: Sequence[int],
    *,
    words: str,
    tags: str,
    numbers: Sequence[str],
) -> Found:
    """Return the form of integer tags, whose names a table may hold."""
    names = class_names(path, tags, table_schema(path)) if is_table(path) else None
    values = [record[tags] for record in records if _are_numbers_of_tags(record.get(tags))]
    if names:
        named = [[names[v] for v in row if v < len(names)] for row in values]
        is_prefixed = all(TAG.fullmatch(name) for name in names)
        return _tagged(path, recognise_scheme(named) if is_prefixed else "io", words, tags), ()
    unit = "row" if is_table(path) else "line"
    problems = [
        f"{path}, {unit} {line}: {tags!r} must hold integers from 0, as in others: {short(row)}"
        for line, record in zip(lines, records, strict=True)
        if (row := record.get(tags)) is not None and not _are_numbers_of_tags(row)
    ][:SHOWN]
    highest = max(max(row, default=0) for row in values)
    form = _tagged(path, "bio", words, tags)
    form["tag_names"] = ["O", *(f"B-name of {number}" for number in range(1, highest + 1))]
    problem = (
        f"{path}: tags in {tags!r} are integers from 0 to {highest}; their names are not in the "
        "file: write them into the entry, as tag_names: [O, B-…, …]"
    )
    others = [name for name in numbers if name != tags]
    if others and tags.rpartition(".")[2] not in TAG_FIELDS:
        problem += f"; tags_field may also be one of {', '.join(others)}"
    return form, (*problems, problem)


def _other_tags(records: Sequence[Record], lines: Sequence[int]) -> str:
    """Return the end of a message that shows what may be meant as tags; empty where nothing is."""
    lists = _fields(records, _is_list_of(str), TAG_FIELDS)
    held = {
        name: list(dict.fromkeys(map(str, _items(records, name))))
        for name in lists
        if any(other != name and _same_lengths(records, name, other) for other in lists)
    }
    if not held:
        return ""
    name = min(held, key=lambda name: (name.rpartition(".")[2] not in TAG_FIELDS, len(held[name])))
    odd_first = sorted(held[name], key=lambda tag: bool(TAG.fullmatch(tag)))
    numbered = zip(lines, records, strict=True)
    line = next(n for n, one in numbered if odd_first[0] in map(str, _items([one], name)))
    seen = [f"{odd_first[0]} (line {line})", *odd_first[1:5]]
    return f"; {name!r} holds {', '.join(seen)[:80]}, and {TAGS_ARE}"


def _items(records: Sequence[Record], name: str) -> list[Any]:
    rows = [record.get(name) for record in records]
    return [item for row in rows if isinstance(row, list) for item in row]


def _same_lengths(records: Sequence[Record], one: str, other: str) -> bool:
    both = [(record.get(one), record.get(other)) for record in records]
    lists = [(a, b) for a, b in both if isinstance(a, list) and isinstance(b, list)]
    return bool(lists) and sum(len(a) == len(b) for a, b in lists) * 2 >= len(lists)


def _entities(path: Path, records: list[Record]) -> Found | None:
    texts = _fields(records, lambda value: isinstance(value, str), TEXT_FIELDS)
    words = _fields(records, _is_list_of(str), WORD_FIELDS)
    for name in _fields(records, lambda value: isinstance(value, list), ENTITY_FIELDS):
        keys = keys_of(_items(records, name))
        if not keys:
            continue
        found = _best(records, name, keys, texts)
        labels = found.labels()
        tags = [label for label in labels if TAG.fullmatch(label) and "_" not in label[:2]]
        if "O" in labels or (len(labels) > 1 and tags == labels):
            raise InputError(
                f"{path}: labels of entities in {name!r} are tags ({', '.join(labels)[:60]}): "
                "this file marks tags per word, not entities"
            )
        form: dict[str, Any] = {"entities_field": name, "entity_keys": list(found.keys)}
        fitting = [field for field in words if found.lie_in_words(field)]
        if fitting or not texts:
            if not words:
                continue
            field = (fitting or words)[0]
            form |= {"kind": "word_spans", "words_field": field}
        else:
            # Of fields that fit equally the one of a usual name: max takes the first.
            field = max(texts, key=found.fit_of_text)
            form |= {"kind": "text_spans", "text_field": field, "tokens": "blanks"}
        included = found.end_included(field)
        form["end_included"] = bool(included)
        problems = []
        if included is None:
            problems.append(
                f"{path}: cannot tell whether an entity's end is included; check end_included"
            )
        return form, (*problems, *_misplaced(path, found, field, included=bool(included)))
    return None


def _misplaced(path: Path, found: Entities, field: str, *, included: bool) -> Iterator[str]:
    """Yield why positions may count something other than characters."""
    now, then = found.fit_as_utf16(field, included=included)
    inside = found.inside_words(field, included=included)
    if then > now:
        yield (
            f"{path}: behind signs such as \U0001f389, entities start and end with words {then} times "
            f"if positions count UTF-16 units, as JavaScript does, and {now} times if characters, as "
            "was taken: convert them, or write its text into each entity, which decides"
        )
    elif inside > INSIDE:
        yield (
            f"{path}: {inside:.0%} of the starts and ends of entities lie inside words: look "
            "whether positions count from 0, and characters, not bytes or UTF-16 units"
        )


def _best(records: list[Record], name: str, keys: Keys, texts: Sequence[str]) -> Entities:
    """Return entities; of lists with two texts, the label is the one that leaves the other's text."""
    found = Entities(records, name, keys, included=None)
    if not texts or keys not in ((0, 1, 2), (0, 1, 3)):
        return found
    other = Entities(records, name, (0, 1, 5 - keys[2]), included=None)
    return max(found, other, key=lambda one: max(map(one.fit_of_text, texts)))
