"""Reads UniNER's answers: every string of the first list, whatever else is wrong with the output.

It reads lists with Python's quotes, line ends and commas too many, lists within other text, the
complete strings of a list that was cut off, and quotes within a string that are not escaped.
"""

import json
import re

from gner_core.systems.interface import END
from gner_core.systems.strings import shown, storable

_RUN_ON = re.compile(rf"{re.escape(END)}|\bUSER:")
_SEPARATORS = re.compile(r"[\s,]*")
_STRING = {
    quote: re.compile(rf"{quote}((?:[^\\]|\\.)*?){quote}(?=\s*(?:[,\]]|\Z))", re.DOTALL)
    for quote in "\"'"
}
_OTHER = re.compile(r"[^,\]]*")
_BRACKET = re.compile(r"[\[({})\]]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_SIGNS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_DECODER = json.JSONDecoder()

Listed = tuple[list[str], list[str]]
"""Strings, and in words what could not be read."""


def read_list(output: str) -> Listed:
    """Return the strings that an output lists, and in words what could not be read.

    Example:
        >>> read_list("Sure: ['Ada', 5, 'Zoé")
        (['Ada'], ['not a string: 5', 'cut off: Zoé'])
    """
    run_on = _RUN_ON.search(output)
    opening = output.find("[")
    if opening < 0 or (run_on and run_on.start() < opening):
        rest = output[: run_on.start() if run_on else None].strip()
        return [], [f"no list: {shown(rest)}"] if rest else []
    strings: list[str] = []
    unread: list[str] = []
    try:
        items, end = _DECODER.raw_decode(output, opening)
    except (ValueError, RecursionError):
        end = _read_damaged(output, opening + 1, strings, unread)
    else:
        strings += [item for item in items if isinstance(item, str)]
        unread += [f"not a string: {_named(one)}" for one in items if not isinstance(one, str)]
    rest = output[end:].replace(END, "").strip()
    return strings, [*unread, f"after the list: {shown(rest)}"] if rest else unread


def _named(item: object) -> str:
    return f"a {type(item).__name__}" if isinstance(item, list | dict) else str(item)


def _read_damaged(text: str, at: int, strings: list[str], unread: list[str]) -> int:
    """Collect the items of a list that is not JSON from `at` on; return where the list ends."""
    while True:
        at = _SEPARATORS.match(text, at).end()  # type: ignore[union-attr]  # matches nothing, too
        if at == len(text) or text[at] == "]":
            return at + 1
        pattern = _STRING.get(text[at])
        found = pattern.match(text, at) if pattern else None
        if found:
            strings.append(storable(_ESCAPE.sub(_sign, found[1])))
            at = found.end()
        elif pattern:
            unread.append(f"cut off: {shown(text[at + 1 :])}")
            return len(text)
        else:
            end = _end_of_nested(text, at) if text[at] in "[({" else _OTHER.match(text, at).end()  # type: ignore[union-attr]
            unread.append(f"not a string: {shown(text[at:end])}")
            at = end


def _sign(escape: re.Match[str]) -> str:
    """Return what an escape of JSON or Python stands for."""
    return chr(int(escape[1], 16)) if escape[1] else _SIGNS.get(escape[2], escape[2])


def _end_of_nested(text: str, at: int) -> int:
    """Return where the brackets that open at `at` are all closed."""
    depth = 0
    for bracket in _BRACKET.finditer(text, at):
        depth += 1 if bracket[0] in "[({" else -1
        if not depth:
            return bracket.end()
    return len(text)
