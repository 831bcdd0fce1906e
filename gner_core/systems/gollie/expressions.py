"""What Python would make of a small part of its expressions; nothing is run.

The published reader evaluates what a model writes. Here literals, lists, objects of the classes of a
prompt, sums and repetitions of texts, f-strings and a few pure functions are computed from the
syntax tree, within limits of size; all else is refused. Names that nobody defined are classes of
hallucinated objects, as they are to the published reader.

Example:
    >>> compute('[City(span="New" + " York"), Alien(span="x")]', ["City"])
    [Instance(name='City', span='New York'), <Other.HALLUCINATED: 'HallucinatedType'>]
"""

import ast
import builtins
import warnings
from collections.abc import Callable, Collection, Iterable
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

from gner_core.systems.gollie.class_names import BASE

LARGEST = 10_000
"""Characters, items or bits of a computed value at most."""
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "str": str,
    "len": len,
    "int": int,
    "list": list,
    "tuple": tuple,
    "sorted": sorted,
}
_METHODS = (
    *("upper", "lower", "title", "capitalize", "casefold", "swapcase"),
    *("strip", "lstrip", "rstrip", "replace", "split", "join", "removeprefix", "removesuffix"),
)
"""Methods of texts that are computed."""
_DEFINED = {BASE, "List", "dataclass", "ENTITY_DEFINITIONS", "HallucinatedType", "AnnotationList"}
"""Names that the published modules define beside the classes."""
_LEAVING = ("exit", "quit")
_SCOPES = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Instance(NamedTuple):
    """An object of a class of the prompt."""

    name: str
    span: Any


class Other(Enum):
    """Values of which only the kind matters."""

    HALLUCINATED = "HallucinatedType"
    LEAVING = "Quitter"
    THING = "object"


class Class(NamedTuple):
    """A class; `known` is False for a name that nobody defined."""

    name: str
    known: bool


FAULTS = (
    *(SyntaxError, ValueError, TypeError, RecursionError, MemoryError),
    *(ArithmeticError, LookupError, AttributeError),
)
"""What computing a value raises."""


class Failed(Exception):  # noqa: N818 (named for what happened)
    """Python would raise an exception that the published reader catches."""


class Ended(Exception):  # noqa: N818
    """The published reader would end with an exception, or never."""


class Refused(Exception):  # noqa: N818
    """Code that is not computed here; the published reader would run it."""


def compute(source: str, classes: Iterable[str]) -> Any:
    """Return the value of an expression.

    Raises:
        Failed, Ended, Refused: as each says.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source.lstrip(" \t"), mode="eval")
        return _Computer(frozenset(classes)).value(tree.body)
    except FAULTS as error:
        raise Failed(f"{type(error).__name__}: {error}") from None


class _Computer:
    """Computes values of nodes; raises what Python would for values that do not fit."""

    def __init__(self, classes: Collection[str]) -> None:
        self._classes = classes
        self._kinds: dict[type[ast.expr], Callable[[Any], Any]] = {
            ast.Constant: lambda node: node.value,
            ast.List: lambda node: [self.value(one) for one in node.elts],
            ast.Tuple: lambda node: tuple(self.value(one) for one in node.elts),
            ast.Set: lambda node: {*map(_hashable, map(self.value, node.elts))},
            ast.Dict: self._dict,
            ast.Name: lambda node: self._named(node.id),
            ast.Call: self._call,
            ast.BinOp: self._operation,
            ast.UnaryOp: self._sign,
            ast.JoinedStr: lambda node: _small("".join(map(self._formatted, node.values))),
            ast.Attribute: self._attribute,
            ast.Lambda: lambda _: Other.THING,
            **dict.fromkeys(_SCOPES, self._comprehension),
        }

    def value(self, node: ast.expr) -> Any:
        kind = self._kinds.get(type(node))
        if kind is None:
            raise Refused(type(node).__name__)
        return kind(node)

    def _dict(self, node: ast.Dict) -> dict[Any, Any]:
        if None in node.keys:
            raise Refused("Dict")
        pairs = zip(node.keys, node.values, strict=True)
        return {
            _hashable(self.value(key)): self.value(one) for key, one in pairs if key is not None
        }

    def _named(self, name: str) -> Any:
        if name in self._classes or name == BASE:
            return Class(name, known=True)
        if name in _LEAVING:
            return Other.LEAVING
        if name in _DEFINED or hasattr(builtins, name):
            return _FUNCTIONS.get(name, Other.THING)
        return Class(name, known=False)

    def _call(self, node: ast.Call) -> Any:
        function = self.value(node.func)
        if function is Other.LEAVING:
            raise Ended("SystemExit")
        names = [keyword.arg for keyword in node.keywords]
        if None in names or any(isinstance(one, ast.Starred) for one in node.args):
            raise Refused("Starred")
        if len({*names}) < len(names):
            raise Failed("SyntaxError: keyword argument repeated")
        arguments = [self.value(one) for one in node.args]
        named = {str(keyword.arg): self.value(keyword.value) for keyword in node.keywords}
        if isinstance(function, Class):
            return _instance(function, arguments, named)
        if not callable(function):
            if isinstance(function, Other):
                raise Refused("Call")
            raise Failed("TypeError: not callable")
        if not all(map(_plain, [*arguments, *named.values()])):
            raise Refused("Call")
        return _small(function(*arguments, **named))

    def _attribute(self, node: ast.Attribute) -> Any:
        owner = self.value(node.value)
        if isinstance(owner, Class) and not owner.known:
            raise Failed(f"AttributeError: {node.attr}")
        if not isinstance(owner, str) or node.attr not in _METHODS:
            raise Refused("Attribute")
        if node.attr == "replace":
            return partial(_replaced, owner)
        if node.attr == "join":
            return partial(_joined, owner)
        return getattr(owner, node.attr)

    def _operation(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        if not (_plain(left) and _plain(right)):
            if isinstance(left, list) and isinstance(right, list) and isinstance(node.op, ast.Add):
                return left + right
            raise Refused("BinOp")
        if isinstance(node.op, ast.Add):
            return _small(left + right)
        if isinstance(node.op, ast.Sub):
            return _small(left - right)
        if isinstance(node.op, ast.Mult):
            if _size(left) * _size(right) > LARGEST:
                raise Refused("a large value")
            return left * right
        raise Refused(type(node.op).__name__)

    def _sign(self, node: ast.UnaryOp) -> Any:
        operand = self.value(node.operand)
        if isinstance(operand, int | float) and isinstance(node.op, ast.UAdd | ast.USub):
            return -operand if isinstance(node.op, ast.USub) else +operand
        raise Refused("UnaryOp")

    def _formatted(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            return str(node.value)
        if not isinstance(node, ast.FormattedValue) or node.format_spec is not None:
            raise Refused("FormattedValue")
        value = self.value(node.value)
        if not _plain(value):
            raise Refused("FormattedValue")
        shown = {ord("r"): repr, ord("a"): ascii}.get(node.conversion, str)
        return str(_small(shown(value)))

    def _comprehension(self, node: ast.ListComp) -> Any:
        """Tell what the published reader does: names within a comprehension are never found."""
        bound = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _stored(n)}
        first = node.generators[0].iter
        outside = {id(one) for one in ast.walk(first)}
        names = {
            one.id
            for one in ast.walk(node)
            if isinstance(one, ast.Name) and id(one) not in outside and one.id not in bound
        }
        local = {name for name in names if isinstance(self._named(name), Class)}
        if not local:
            raise Refused(type(node).__name__)
        items = self.value(first)
        if not isinstance(items, list | tuple | str | set | dict):
            raise Refused(type(node).__name__)
        if not items:
            return []
        if isinstance(node, ast.GeneratorExp):
            raise Ended(f"NameError: name {min(local)!r} is not defined")
        raise Ended("no end: names within a comprehension are never found")


def _stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _instance(made: Class, arguments: list[Any], named: dict[str, Any]) -> Instance | Other:
    if not made.known:
        return Other.HALLUCINATED
    if (len(arguments), [*named]) not in ((1, []), (0, ["span"])):
        raise Failed(f"TypeError: {made.name} takes one argument, span")
    return Instance(made.name, arguments[0] if arguments else named["span"])


def _hashable(value: Any) -> Any:
    """Return a value that may be in a set; published objects compare by content and may not."""
    if isinstance(value, Instance):
        raise Failed(f"TypeError: unhashable type: {value.name!r}")
    return value


def _plain(value: Any) -> bool:
    """Say whether a value holds nothing but constants."""
    if isinstance(value, list | tuple | set) and not isinstance(value, Instance | Class):
        return all(map(_plain, value))
    return isinstance(value, str | int | float | complex | bytes) or value is None


def _size(value: Any) -> int:
    if isinstance(value, int):
        return max(abs(value), 1)
    return max(len(value), 1) if isinstance(value, str | bytes | list | tuple) else 1


def _small(value: Any) -> Any:
    if isinstance(value, str | bytes | list | tuple) and len(value) > LARGEST:
        raise Refused("a large value")
    if isinstance(value, int) and value.bit_length() > LARGEST:
        raise Refused("a large value")
    return value


def _replaced(owner: str, old: str, new: str, count: int = -1) -> str:
    if (len(owner) + 1) * (len(new) + 1) > LARGEST:
        raise Refused("a large value")
    return owner.replace(old, new, count)


def _joined(owner: str, items: Iterable[str]) -> str:
    listed = list(items)
    if len(owner) * len(listed) > LARGEST:
        raise Refused("a large value")
    return owner.join(listed)
