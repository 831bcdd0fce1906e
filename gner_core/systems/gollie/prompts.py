r"""GoLLIE's prompts and targets: Python source in the layout of black, as released models know it.

Example:
    >>> print(target([("City", "Rome"), ("City", "O'Neil")]), end="")
     [
        City(span="Rome"),
        City(span="O'Neil"),
    ]
"""

from collections.abc import Sequence
from typing import NamedTuple

from gner_core.systems.gollie.class_names import BASE

BEGINNING = "# The following lines describe the task definition\n"
BEFORE_TEXT = "# This is the text to analyze\n"
BEFORE_RESULT = "\n# The annotation instances that take place in the text above are listed here\n"
RESULT = "result ="
EXAMPLES = "Such as: "
WIDTH = 88
"""Characters of the longest line that is not wrapped."""

Instance = tuple[str, str]
"""Class name and text of an entity."""


class Shown(NamedTuple):
    """A class as a prompt shows it.

    `definition` is None where classes have no docstring; `examples` is None where the published
    code left a bare comment sign in their place, and empty where there are none.
    """

    name: str
    definition: str | None
    examples: tuple[str, ...] | None


def prompt(words: Sequence[str], classes: Sequence[Shown]) -> str:
    """Return the prompt that asks for the instances of all classes."""
    shown = "".join(f"{source(one)}\n\n" for one in classes)
    text = literal(" ".join(words))
    return f"{BEGINNING}{shown}{BEFORE_TEXT}text = {text}\n{BEFORE_RESULT}{RESULT}"


def source(shown: Shown) -> str:
    """Return the source of a class.

    Example:
        >>> print(source(Shown("City", "A city.", ("Rome", "Zürich"))), end="")
        @dataclass
        class City(Entity):
            \"\"\"A city.\"\"\"
        <BLANKLINE>
            span: str  # Such as: "Rome", "Zürich"
    """
    lines = ["@dataclass", f"class {shown.name}({BASE}):"]
    if shown.definition is not None:
        lines += [f'    """{_docstring(shown.definition)}"""', ""]
    field = "    span: str"
    if shown.examples is None:
        field += "  #"
    elif shown.examples:
        listed = ", ".join(f'"{example}"' for example in shown.examples)
        field += f"  # {EXAMPLES}{listed}"
    return "\n".join([*lines, field, ""])


def target(instances: Sequence[Instance]) -> str:
    """Return the answer that names instances, in the order given."""
    if not instances:
        return " []\n"
    lines = [_instance(name, text) for name, text in instances]
    return " [\n" + "".join(lines) + "]\n"


def _instance(name: str, text: str) -> str:
    argument = f"span={literal(text)}"
    line = f"    {name}({argument}),\n"
    if len(line) <= WIDTH + 1:
        return line
    return f"    {name}(\n        {argument}\n    ),\n"


def literal(text: str) -> str:
    r"""Return a text as a string of Python in the quotes that black prefers.

    Those are double ones, unless they need more backslashes than single ones.

    Example:
        >>> [literal(text) for text in ("a", "it's", 'a "b"', 'it\'s "b"')]
        ['"a"', '"it\'s"', '\'a "b"\'', '\'it\\\'s "b"\'']
    """
    written = repr(text)
    if written[0] == '"' or text.count('"') > text.count("'"):
        return written
    inside = written[1:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{inside}"'


def _docstring(definition: str) -> str:
    """Return a definition as black writes a docstring: a quote never meets those around it."""
    text = definition.strip()
    before = " " if text.startswith('"') else ""
    return before + text + (" " if text.endswith('"') else "")
