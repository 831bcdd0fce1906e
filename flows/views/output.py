"""How texts and JSON reach standard output: whole, as they are, and on terminals of any encoding."""

import json
import logging
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import fill
from typing import Any

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

UNLIMITED = 1_000_000
"""Columns of a pipe or a file: nothing in it needs to be broken."""
_LABEL = re.compile(r" *(\S+ {2,})?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Output(Console):
    """Standard output or error. Texts appear as they are: no markup, no emoji codes, nothing cut.

    Pipes and files have lines of any length, unless COLUMNS says otherwise.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        """Write to what is standard output, or standard error, now."""
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = UNLIMITED

    def print(self, *objects: Any, **how: Any) -> None:
        """Print as Rich does, but cut no line, and leave one with a longer word, as a path, whole."""
        words = (
            word for one in objects if isinstance(one, str | Text) for word in str(one).split()
        )
        long = any(cell_len(word) > self.width for word in words)
        super().print(*objects, **{"crop": False, "soft_wrap": long, **how})

    def render_str(self, text: str, **how: Any) -> Text:
        """Return a text as it is shown."""
        return super().render_str(visible(text), **how)

    def render(self, renderable: Any, options: Any = None) -> Any:
        """Return the parts of what is printed, texts with their styles as they are shown."""
        if isinstance(renderable, Text) and _CONTROL.search(renderable.plain):
            renderable = renderable.copy()
            renderable.plain = visible(renderable.plain)
        return super().render(renderable, options)


def print_parts(parts: Iterable[RenderableType]) -> None:
    """Print tables and lines; one that is too wide goes on below its text, behind indent and label."""
    console = Output()
    for part in parts:
        console.print(_folded(part, console.width) if isinstance(part, str) else part)


def _folded(line: str, width: int) -> str:
    label = _LABEL.match(line)
    indent = " " * len(label[0] if label else "")
    return fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


class LogLines(logging.Handler):
    """Prints the log, a line a message, above the live bars of a console."""

    def __init__(self, console: Console) -> None:
        """Print on a console."""
        super().__init__()
        self.console = console
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        """Print a message."""
        self.console.print(self.format(record))


def program() -> str:
    """Return how a shell starts gner: by its name, or by its path where that is not found."""
    if shutil.which("gner"):
        return "gner"
    path = Path(sys.executable).with_name("gner")
    inside = path.is_relative_to(Path.cwd())
    return shlex.quote(str(path.relative_to(Path.cwd()) if inside else path))


def visible(text: str) -> str:
    """Return a text without control characters, which could act on the terminal."""
    return _CONTROL.sub("\ufffd", text)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON, in ASCII where standard output has another encoding than UTF-8."""
    encoding = (sys.stdout.encoding or "").lower()
    return json.dumps(value, indent=indent, ensure_ascii=not encoding.startswith("utf"))
