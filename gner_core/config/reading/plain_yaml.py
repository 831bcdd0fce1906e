"""Reads YAML as it is written, and writes it: no value is dropped, no text becomes something else.

A key that is there twice in a section is an error, and so is a number that is not finite. Only
numbers and null are no texts: `yes`, `on`, dates and times stay what they are, `010` is ten. `true`
and `false` are texts, too, which a field for either of them understands and a number refuses.
"""

import math
import re
from math import inf
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gner_core.errors import InputError

PREFIX = "tag:yaml.org,2002:"
MERGE, FLOAT = f"{PREFIX}merge", f"{PREFIX}float"
DEEPEST, LARGEST = 50, 1_000_000
"""Nested sections of a file, and values of which it makes one by aliases, at most."""
KINDS = ("null", "int", "float", "str", "seq", "map")


class _Loader(yaml.CSafeLoader):
    """The core schema of YAML 1.2, with the merge key and without bool."""


_Loader.yaml_implicit_resolvers = {}
_Loader.yaml_constructors = {
    tag: make
    for tag, make in yaml.CSafeLoader.yaml_constructors.items()
    if tag is None or tag.removeprefix(PREFIX) in KINDS
}


def _integer(loader: _Loader, node: ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).lower()
    return int(text, 0) if "x" in text or "o" in text else int(text)


_Loader.add_constructor(f"{PREFIX}int", _integer)


class _Dumper(yaml.SafeDumper):
    """Quotes each text that `_Loader`, or another reader of YAML, would take for something else."""


def _text(dumper: _Dumper, text: str) -> ScalarNode:
    style = '"' if len(text.splitlines()) > 1 or text.endswith("\n") else None
    return dumper.represent_scalar(f"{PREFIX}str", text, style=style)


_Dumper.add_representer(str, _text)
FINITE = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
for _name, _form, _first in (
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", "[-+]?(?:[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+)", "-+0123456789"),
    ("float", rf"{FINITE}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+.0123456789"),
    ("merge", "<<", "<"),
):
    _pattern = re.compile(f"^(?:{_form})$")
    for _kind in (_Loader, _Dumper):
        _kind.add_implicit_resolver(f"{PREFIX}{_name}", _pattern, list(_first))


def read_text(text: str, where: str) -> Any:
    """Return the value of a YAML text.

    Args:
        where: its file or option, for messages.

    Raises:
        InputError: for what is no YAML, a repeated key, a NUL, or a number that is not finite.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node, where, path=(), above=(), sizes={})
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from None
    finally:
        loader.dispose()


def as_yaml(values: dict[str, Any]) -> str:
    """Return a section as YAML, in lines, which `read_text` reads as the same values."""
    return str(yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def as_yaml_text(text: str) -> str:
    """Return a text as YAML on one line, to be put behind a key or into a list in brackets."""
    whole = yaml.dump(
        [text], Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=inf
    )
    return str(whole).strip().removeprefix("[").removesuffix("]")


def _check(
    node: Node, where: str, *, path: tuple[str, ...], above: tuple[int, ...], sizes: dict[int, int]
) -> int:
    """Refuse what would be read as something else, in a value and all that it holds.

    Args:
        above: ids of the values that hold it.
        sizes: id of each value that was looked at → how many values it holds, aliases included.

    Returns:
        How many values it holds.
    """
    at = ": ".join(filter(None, (where, ".".join(path))))
    if id(node) in above:
        raise InputError(f"{at}: an alias of a section that holds it")
    if id(node) in sizes:
        return sizes[id(node)]
    if len(above) > DEEPEST:
        raise InputError(f"{at[:200]}: sections are nested more than {DEEPEST} deep")
    if isinstance(node, MappingNode):
        _refuse_repeated_keys(node, where, path)
        children = [(str(name.value), value) for name, value in node.value]
    elif isinstance(node, SequenceNode):
        children = [(str(number), value) for number, value in enumerate(node.value)]
    else:
        children = []
        if "\0" in node.value:
            raise InputError(f"{at}: holds a NUL")
        if node.tag == FLOAT:
            number = float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))
            if not math.isfinite(number):
                raise InputError(f"{at}: Input should be a finite number, got {number}")
    inside = (*above, id(node))
    size = 1 + sum(
        _check(value, where, path=(*path, name), above=inside, sizes=sizes)
        for name, value in children
    )
    if size > LARGEST:
        raise InputError(f"{at}: aliases make more than {LARGEST:,} values of it")
    sizes[id(node)] = size
    return size


def _refuse_repeated_keys(node: MappingNode, where: str, path: tuple[str, ...]) -> None:
    lines: dict[tuple[str, str], int] = {}
    for name, _ in node.value:
        if not isinstance(name, ScalarNode) or name.tag == MERGE:
            continue
        line, same = name.start_mark.line + 1, (name.tag, name.value)
        if same in lines:
            key = ".".join((*path, name.value))
            first = lines[same]
            raise InputError(f"{where}, line {line}: {key} is there twice (first in line {first})")
        lines[same] = line
