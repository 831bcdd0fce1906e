"""Reads GoLLIE's answers literally, object by object; nothing is evaluated.

It reads every `Name(span="text")` of the first list, also with Python's other ways to write a text,
without brackets, commas or the end of the list, and with quotes in a text that are not escaped. An
object with anything else in it, such as a sum or a call, is not read, and neither is one that is
part of a larger expression.
"""

import ast
import re
import warnings
from collections.abc import Collection

from gner_core.systems.gollie.prompts import Instance
from gner_core.systems.strings import shown

_GAP = re.compile(r"(?:[\s,]+|#[^\n]*)*+")
_NAME = r"(?<!\w)[^\W\d]\w*+"
_ONE_LINE = r'"(?:[^"\\\n]|\\.)*"' + r"|'(?:[^'\\\n]|\\.)*'"
_STRING = rf'"""(?:[^\\]|\\.)*?"""|\'\'\'(?:[^\\]|\\.)*?\'\'\'|{_ONE_LINE}'
_OBJECT = re.compile(rf"({_NAME})\s*\(\s*(?:span\s*=\s*)?", re.DOTALL)
_END = rf"\s*(?:,\s*)?\)(?=\s*(?:[,\]#]|\Z|{_NAME}\s*\(|```))"
_TEXT = re.compile(rf"((?>[rRuU]?(?>{_STRING})\s*)++){_END}", re.DOTALL)
_LOOSE_END = {quote: re.compile(rf"{quote}{_END}") for quote in "\"'"}
_NEXT = re.compile(rf"{_NAME}\s*\(\s*span\s*=")
_EXPRESSION = re.compile(r"[\"']\s*(?:[+*%\[]|\.\w+\s*\(|,\s*\w+\s*=)")
_SHORT = r'"(?:[^"\\\n]|\\.){0,300}+"' + r"|'(?:[^'\\\n]|\\.){0,300}+'"
"""A text within what is passed over; a limit keeps many quotes without an end from taking long."""
_TOKEN = re.compile(rf"{_SHORT}|[\[\](){{}},]", re.DOTALL)
_OPENING = re.compile(rf"\[|{_NAME}\s*\(")
_GOES_ON = re.compile(rf"[\])}}]\s*,\s*{_NAME}\s*\(")
_PAIRS = {"(": ")", "[": "]", "{": "}"}


def read_objects(
    output: str, classes: Collection[str]
) -> tuple[list[Instance], list[Instance], list[str]]:
    """Return instances, those of classes that the prompt did not hold, and what could not be read.

    Example:
        >>> read_objects(' [City(span="Rome"), Alien(span="x"), City(span=5), City(span="Pa', ["City"])
        ([('City', 'Rome')], [('Alien', 'x')], ['not read: City(span=5)', 'cut off: City(span="Pa'])
    """
    opening = _OPENING.search(output)
    if opening is None:
        rest = output.strip()
        return [], [], [f"no list: {shown(rest)}"] if rest else []
    known: list[Instance] = []
    unknown: list[Instance] = []
    unread: list[str] = []
    at = opening.end() if opening[0] == "[" else opening.start()
    while True:
        at = _end_of_gap(output, at)
        if at == len(output) or (output[at] in "])}" and not _GOES_ON.match(output, at)):
            break
        found = _object(output, at)
        if found is None:
            end = max(_end_of_item(output, at), at + 1)
            what = "cut off" if end == len(output) else "not read"
            unread.append(f"{what}: {shown(output[at:end])}")
            at = end
            continue
        name, text, at = found
        if text.strip():
            (known if name in classes else unknown).append((name, text))
        else:
            unread.append(f"no text: {name}")
    rest = output[at + 1 :].strip("`\n ")
    return known, unknown, [*unread, f"after the list: {shown(rest)}"] if rest else unread


def _end_of_gap(text: str, at: int) -> int:
    """Return where blanks, commas and comments end."""
    gap = _GAP.match(text, at)
    assert gap is not None  # it matches nothing, too
    return gap.end()


def _object(text: str, at: int) -> tuple[str, str, int] | None:
    """Return class name, text and end of the object at a position; None if there is none."""
    opening = _OBJECT.match(text, at)
    if opening is None:
        return None
    start = opening.end()
    strict = _TEXT.match(text, start)
    if strict:
        content = _literal(strict[1])
        return None if content is None else (opening[1], content, strict.end())
    closing = _LOOSE_END.get(text[start : start + 1])
    if closing is None:
        return None
    following = _NEXT.search(text, start)
    loose = closing.search(text, start + 1, following.end() if following else len(text))
    if loose is None or _EXPRESSION.search(text, start + 1, loose.end()):
        return None
    content = text[start + 1 : loose.start()]
    return opening[1], content.replace('\\"', '"').replace("\\'", "'"), loose.end()


def _literal(written: str) -> str | None:
    """Return the text that Python's syntax gives to one or more string literals."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return str(ast.literal_eval(f"({written})"))
    except (SyntaxError, ValueError, MemoryError):
        return None


def _end_of_item(text: str, at: int) -> int:
    """Return where an item ends that is no readable object: at its comma or at a closing bracket."""
    open_brackets: list[str] = []
    for token in _TOKEN.finditer(text, at):
        sign = token[0]
        if sign in _PAIRS:
            open_brackets.append(_PAIRS[sign])
        elif sign == "," and not open_brackets:
            return token.start()
        elif sign in ")]}":
            if not open_brackets or open_brackets[-1] != sign:
                return token.start()
            open_brackets.pop()
    return len(text)
