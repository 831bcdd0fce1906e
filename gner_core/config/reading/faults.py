"""Says what is wrong with the values of a file: a line a fault, under the key that the file has."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gner_core.errors import did_you_mean

LONGEST = 80
"""Characters of a value that are shown."""
PLAIN = {
    "model_type": "Input should be a section of keys",
    "dict_type": "Input should be a section of keys",
    "tuple_type": "Input should be a list, such as [one, two]",
}
"""Kind of fault → what it says without Python's words."""
NAME = r"^[a-z0-9][a-z0-9-]*$"
MOST = 10
"""Faults that are named; of others only the number is given."""


def explain(where: Path | str, error: ValidationError, kind: Any, values: Any) -> str:
    """Return the faults of values that are no `kind`, one a line; missing keys are one line.

    Args:
        where: the file, or a part of it.
        values: what was validated.
    """
    missing: list[str] = []
    messages: dict[str, list[str]] = {}
    for fault in _without_other_members(error.errors(include_url=False), values):
        key = ".".join(str(part) for part in _path(fault, values))
        if fault["type"] == "missing":
            missing.append(key)
        elif fault["type"] == "union_tag_not_found":
            missing.append(f"{key}.{fault['ctx']['discriminator'].strip(chr(39))}")
        else:
            messages.setdefault(key, []).append(_message(fault, kind))
    lines = [f"missing: {', '.join(missing)}"] if missing else []
    for key, found in messages.items():
        texts = " or ".join(dict.fromkeys(found)).splitlines()
        lines += [f"{key}: {text}" if key else text for text in texts]
    more = [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
    return "\n".join([*(f"{where}: {line}" for line in lines[:MOST]), *more])


def _message(fault: Mapping[str, Any], kind: Any) -> str:
    message = PLAIN.get(fault["type"], str(fault["msg"]).removeprefix("Value error, "))
    given, context = fault["input"], fault.get("ctx", {})
    if context.get("pattern") == NAME:
        message = "Input should be lower-case letters, digits and dashes, such as my-name"
    if fault["type"] == "extra_forbidden":
        return _unknown_key(fault, kind)
    if fault["type"] == "union_tag_invalid":
        known = re.findall(r"'([^']*)'", context["expected_tags"])
        tag, field = context["tag"], context["discriminator"].strip("'")
        return f"{field} {tag!r} is not one of {', '.join(known)}{did_you_mean(tag, known)}"
    if fault["type"] == "literal_error":
        known = re.findall(r"'([^']*)'", context["expected"])
        return f"{message}, got {given!r}{did_you_mean(given, known)}"
    if fault["type"] == "value_error" or isinstance(given, dict):
        return message
    quotes = fault["type"] == "string_type" and isinstance(given, int | float)
    return f"{message}, got {_shortened(given)}{'; put it into quotes' if quotes else ''}"


def _unknown_key(fault: Mapping[str, Any], kind: Any) -> str:
    name = fault["loc"][-1]
    if fault["input"] is None and ":" in str(name):
        return "a key without a value; put a blank behind its colon"
    fields = _fields_at(kind, fault["loc"][:-1])
    return f"unknown key; allowed: {', '.join(fields)}{did_you_mean(name, fields)}"


def _shortened(given: object) -> str:
    text = repr(given)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _path(fault: Mapping[str, Any], values: Any) -> tuple[int | str, ...]:
    """Return the keys at which a fault is in the file, without the names of union members."""
    path: list[int | str] = []
    at, loc = values, fault["loc"]
    absent = loc[-1] if fault["type"] == "missing" else None
    for part in loc:
        if isinstance(at, Mapping) and (part in at or part is absent):
            path.append(part)
            at = at.get(part)
        elif isinstance(at, list | tuple) and isinstance(part, int):
            path.append(part)
            at = at[part]
    return tuple(path)


def _without_other_members(faults: Any, values: Any) -> Iterator[Any]:
    """Yield faults but for those that only follow from others below their key.

    Of a union, those of the members that a section, or a text, is not meant for; lists that are too
    short because of faulty items.
    """
    paths = [_path(fault, values) for fault in faults]
    for fault, path in zip(faults, paths, strict=True):
        follows = fault["type"] in ("string_type", "model_type", "dict_type", "too_short")
        deeper = any(len(one) > len(path) and one[: len(path)] == path for one in paths)
        if not (follows and deeper):
            yield fault


def _fields_at(kind: Any, loc: tuple[int | str, ...]) -> list[str]:
    """Return the names of the fields of the model at the location of a validation error."""
    part: dict[str, Any] = TypeAdapter(kind).json_schema()
    definitions = part.get("$defs", {})
    for key in loc:
        part = _resolve(part, definitions)
        if "properties" in part and key in part["properties"]:
            part = part["properties"][key]
        elif "discriminator" in part and key in part["discriminator"]["mapping"]:
            part = {"$ref": part["discriminator"]["mapping"][key]}
        elif isinstance(part.get("additionalProperties"), dict):
            part = part["additionalProperties"]
        elif isinstance(part.get("patternProperties"), dict):
            (part,) = part["patternProperties"].values()
    return sorted(_resolve(part, definitions).get("properties", {}))


def _resolve(part: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part or "anyOf" in part:
        if "$ref" in part:
            part = definitions[part["$ref"].rsplit("/", 1)[1]]
        else:  # a section that may be null, or a text, else none
            sections = [one for one in part["anyOf"] if "$ref" in one or "discriminator" in one]
            part = sections[0] if len(sections) == 1 else {}
    return part
