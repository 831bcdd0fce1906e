"""Reads guidelines from a Python file, which is parsed and never run.

The file holds a class for every type, as a prompt shows it:

    class City(Entity):
        \"\"\"A town of any size.\"\"\"

        span: str  # Such as: "Rome", "Zürich"

In place of both texts there may be keys in braces, as in the published files: the docstring
`{city}` stands for `GUIDELINES["city"]["en"]`, the comment `{city_examples}` for
`EXAMPLES["city_examples"]["en"]`; both are dicts of the same file. So published files can be put
together into one. Corpora may have classes of the same name; a set of classes ends with a list
of them, or where a name comes again. A prompt takes the smallest set that has all its classes.
"""

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gner_core.errors import InputError
from gner_core.systems.gollie.class_names import BASE
from gner_core.systems.gollie.prompts import EXAMPLES

LANGUAGE = "en"
_KEY = re.compile(r"\{(\w+)\}")
_TABLES = ("GUIDELINES", "EXAMPLES")


class Guideline(NamedTuple):
    """The definitions of a type, which are paraphrases of each other, and examples."""

    definitions: tuple[str, ...]
    examples: tuple[str, ...]


Guidelines = dict[str, Guideline]
"""Class name → its guideline."""


def read_guidelines(path: Path) -> list[Guidelines]:
    """Return the sets of guidelines of a Python file.

    Raises:
        InputError: for a file that is missing, is no Python, or holds no classes or other values.
    """
    try:
        text = path.read_text(encoding="utf-8")
        body = ast.parse(text).body
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    except SyntaxError as error:
        raise InputError(f"{path}, line {error.lineno}: no Python source: {error.msg}") from None
    tables = _tables(body, path)
    lines = text.split("\n")  # as Python numbers them: a comment may hold U+2028
    sets: list[Guidelines] = [{}]
    for node in body:
        if isinstance(node, ast.ClassDef) and _is_entity(node):
            if node.name in sets[-1]:
                sets.append({})
            sets[-1][node.name] = _guideline(node, lines, tables, path)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.List):
            sets.append({})
    found = [one for one in sets if one]
    if not found:
        raise InputError(f"{path}: has no class of the form `class City({BASE}):`")
    return found


def chosen(sets: Sequence[Guidelines], names: Iterable[str], path: str) -> Guidelines:
    """Return the smallest set that has all classes of a prompt.

    Raises:
        InputError: where no set has them all, or two of one size differ in their guidelines.
    """
    wanted = {*names}
    fitting = sorted((one for one in sets if wanted <= one.keys()), key=len)
    if not fitting:
        missing = min((wanted - one.keys() for one in sets), key=len)
        raise InputError(
            f"{path}: no set of classes has {', '.join(sorted(missing))} beside the other types; "
            "add a class for each, or give the type the name of one in type_names"
        )
    first, *others = ({name: one[name] for name in wanted} for one in fitting[:2])
    if others and len(fitting[0]) == len(fitting[1]) and others != [first]:
        raise InputError(
            f"{path}: two sets of {len(fitting[0])} classes have {', '.join(sorted(wanted))} with "
            "different guidelines; leave one of them out"
        )
    return first


def _is_entity(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == BASE for base in node.bases)


def _tables(body: Sequence[ast.stmt], path: Path) -> dict[str, Any]:
    """Return what the dicts of guidelines and examples hold, by its key."""
    values: dict[str, Any] = {}
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(one, ast.Name) and one.id in _TABLES for one in targets):
            assert isinstance(node, ast.Assign)
            try:
                values |= ast.literal_eval(node.value)
            except (ValueError, TypeError):
                raise InputError(
                    f"{path}, line {node.lineno}: must be a dict of literal texts"
                ) from None
    return values


def _guideline(
    node: ast.ClassDef, lines: Sequence[str], tables: Mapping[str, Any], path: Path
) -> Guideline:
    where = f"{path}, line {node.lineno}: class {node.name}"
    docstring = (ast.get_docstring(node) or "").strip()
    key = _KEY.fullmatch(docstring)
    literal = (docstring,) if docstring else ()
    definitions = _texts(tables, key[1], where) if key else literal
    field = next((one for one in node.body if isinstance(one, ast.AnnAssign)), None)
    if field is None or field.end_col_offset is None or field.end_lineno is None:
        raise InputError(f"{where}: has no field `span: str`")
    behind = lines[field.end_lineno - 1].encode()[field.end_col_offset :].decode()
    return Guideline(definitions, _examples(behind.strip(" \t#"), tables, where))


def _examples(comment: str, tables: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Return the examples that a comment names."""
    key = _KEY.fullmatch(comment)
    if key:
        return _texts(tables, key[1], where)
    listed = comment.removeprefix(EXAMPLES)
    if not comment:
        return ()
    if listed == comment or len(listed) < 2 or listed[0] != '"' or listed[-1] != '"':
        raise InputError(f'{where}: the comment must be of the form # {EXAMPLES}"one", "two"')
    return tuple(listed[1:-1].split('", "'))


def _texts(tables: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    if key not in tables:
        raise InputError(f"{where}: no dict {' or '.join(_TABLES)} of the file has {key}")
    value = tables[key]
    texts = value.get(LANGUAGE) if isinstance(value, dict) else value
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise InputError(
            f"{where}: {key} must be a list of texts, or a dict with one at {LANGUAGE}"
        )
    return tuple(text.strip() for text in texts)
