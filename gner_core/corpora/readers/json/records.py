"""Reads JSON objects and their fields, for all formats that are built of them.

A file holds one object a line, one array of objects, or one object over several lines, told apart
by its first line. Errors name file and line. A key that is there twice in an object is an error,
since one of its values would be lost.

Pairs of a text and an object, as spaCy's `[text, {"entities": […]}]`, are read as objects with a
field `text`. One object may hold all records: in a list such as `data`, as pairs in `annotations`,
or by their ids.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gner_core.corpora.readers.raw import read_text, text_lines
from gner_core.corpora.readers.tables import is_table, named_rows
from gner_core.errors import InputError
from gner_core.strict import JSON

LISTS = ("data", "examples", "documents", "records", "instances", "rows", "items", "dataset")
"""Keys under which one object may hold all records."""
TEXT_FIELDS = ("text", "sentence", "content", "raw", "raw_text", "body", "passage", "data")
"""Keys under which a record may have its text."""
CONTENTS = {*TEXT_FIELDS, "tokens", "words"} - {*LISTS}
"""Keys of an object that is itself a record."""
_BLANKS = re.compile(r"[ \t\r\n]*")


def json_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line at which it starts, object); empty lines are passed over.

    Of a Parquet or Arrow file, yield (row, values by column).
    """
    if is_table(path):
        yield from named_rows(path)
        return
    for line, value in _lines(path) if is_one_object_a_line(path) else _document(path):
        for one in _records(value):
            record = {"text": one[0], **one[1]} if _is_pair(one) else one
            if not isinstance(record, dict):
                raise InputError(f"{path}, line {line}: not a JSON object")
            yield line, record


def _records(value: Any) -> list[Any]:
    """Return the records that a value holds, mostly itself."""
    if not isinstance(value, dict) or not value or value.keys() & CONTENTS:
        return [value]
    pairs = value.get("annotations")
    found = (value.get(key) for key in LISTS)
    lists = [one for one in found if isinstance(one, list) and any(map(_is_object, one))]
    if isinstance(pairs, list) and any(map(_is_pair, pairs)):
        return [pair for pair in pairs if pair is not None]
    if len(lists) == 1:
        return lists[0]
    by_id = list(value.values())
    if len(by_id) > 1 and all(map(_is_object, by_id)):
        keys = [frozenset(one) for one in by_id]
        if len({*keys}) == 1 or frozenset.intersection(*keys) & CONTENTS:
            return by_id
    return [value]


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], dict)
    )


def field(record: dict[str, Any], name: str, *, where: str) -> Any:
    """Return the value of a field; dots in its name lead into objects."""
    value: Any = record
    for key in name.split("."):
        if not isinstance(value, dict) or key not in value:
            raise InputError(f"{where}: no field {name!r}; there are: {', '.join(record)[:200]}")
        value = value[key]
    return value


def string(record: dict[str, Any], name: str, *, where: str) -> str:
    """Return a field that must be a text."""
    value = field(record, name, where=where)
    if not isinstance(value, str):
        raise InputError(f"{where}: {name!r} must be a text")
    check_unicode(value, where=where)
    return value


def list_of_strings(record: dict[str, Any], name: str, *, where: str) -> list[str]:
    """Return a field that must be a list of texts."""
    values = field(record, name, where=where)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InputError(f"{where}: {name!r} must be a list of strings")
    check_unicode("".join(values), where=where)
    return values


def list_of_objects(record: dict[str, Any], name: str, *, where: str) -> list[dict[str, Any]]:
    """Return a field that must be a list of objects."""
    values = field(record, name, where=where)
    if not isinstance(values, list) or not all(map(_is_object, values)):
        raise InputError(f"{where}: {name!r} must be a list of objects")
    return values


def check_unicode(text: str, *, where: str) -> None:
    r"""Refuse half of a surrogate pair, which JSON can write (`\ud800`) and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        bad = text[error.start : error.end]
        raise InputError(f"{where}: {bad!r} is half of a character") from None


def is_one_object_a_line(path: Path) -> bool:
    """Say whether every line of a JSON file is a value of its own."""
    first = next((line.strip() for _, line in text_lines(path) if line.strip()), "")
    if first.startswith('["') and first.endswith("]"):
        try:
            return _is_pair(json.loads(first))
        except (ValueError, RecursionError):
            return False
    return not first.startswith("[") and not _goes_on(first)


def _goes_on(line: str) -> bool:
    """Say whether a line is only the beginning of a JSON value."""
    try:
        JSON.decode(line)
    except json.JSONDecodeError as error:
        return error.pos >= len(line)
    except (ValueError, RecursionError):
        pass
    return False


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    for number, line in text_lines(path):
        if line.strip():
            try:
                value = JSON.decode(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{path}, line {number}: not valid JSON ({error})") from None
            yield number, value


def _document(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the elements of one array, or the one object of the file."""
    text = read_text(path)
    position = _after_blanks(text, 0)
    is_array = text[position] == "["
    if is_array:
        position = _after_blanks(text, position + 1)
    line, counted = 1, 0
    is_open = text[position : position + 1] != "]"
    if not is_open:
        position = _after_blanks(text, position + 1)
    while is_open:
        line, counted = line + text.count("\n", counted, position), position
        try:
            value, position = JSON.raw_decode(text, position)
        except json.JSONDecodeError as error:
            reason = f"{error.msg}: column {error.colno}"
            raise InputError(f"{path}, line {error.lineno}: not valid JSON ({reason})") from None
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}, line {line}: not valid JSON ({error})") from None
        yield line, value
        position = _after_blanks(text, position)
        if is_array:
            sign = text[position : position + 1]
            if sign not in {",", "]"}:
                where = _line_of(text, position)
                raise InputError(f"{path}, {where}: not valid JSON (no ',' or ']')")
            position = _after_blanks(text, position + 1)
        is_open = is_array and sign == ","
    if position < len(text):
        where = _line_of(text, position)
        raise InputError(f"{path}, {where}: not valid JSON (text behind the end)")


def _after_blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return match.end() if match else position


def _line_of(text: str, position: int) -> str:
    return f"line {text.count(chr(10), 0, position) + 1}"
