"""Reads InstructUIE's answers: every `type: text` whose type was asked for, however separated.

Types are known without regard to case and blanks. A semicolon within a text is kept where the
sentence has it, too; `None` says that there is nothing.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from gner_core.systems.instructuie.prompts import Entity
from gner_core.systems.interface import END
from gner_core.systems.strings import Finder, shown

_NOTHING = ("", "none", "na")
"""Parts that name no entity."""
_TYPE_PARTS = re.compile(r"\w+|[^\w\s]")


def read_pairs(
    output: str, words: Sequence[str], types: Sequence[str]
) -> tuple[list[Entity], list[Entity], list[str]]:
    """Return entities, those of types that were not asked for, and what could not be read.

    Example:
        >>> read_pairs("person: Ada; human: Bob; None; pers", ("Ada", "waves"), ("person",))
        ([('person', 'Ada')], [('human', 'Bob')], ['no type: pers'])
    """
    text = output.partition(END)[0]
    beginnings, names = _beginnings(tuple(types))
    found = [*beginnings.finditer(text)] if names else []
    ends = [mark.start() for mark in found[1:]] + [len(text)]
    left = text[: found[0].start() if found else None].split(";")
    finder = Finder(words)
    entities: list[Entity] = []
    unread: list[str] = []
    for mark, end in zip(found, ends, strict=bool(found)):
        name = names[_key(mark[1])]
        inside, rest = _first_text(text[mark.end() : end], finder, words)
        left += rest
        if not inside:
            unread.append(f"no text: {name}")
        elif inside.casefold() not in _NOTHING or finder.find(inside):
            entities.append((name, inside))
    unknown: list[Entity] = []
    for part in filter(lambda one: one.strip().casefold() not in _NOTHING, left):
        name, colon, inside = map(str.strip, part.partition(":"))
        if colon and name and inside:
            unknown.append((name, inside))
        else:
            unread.append(f"no type: {shown(part)}")
    return entities, unknown, unread


def _first_text(text: str, finder: Finder, words: Sequence[str]) -> tuple[str, list[str]]:
    """Return the text of an entity, and the parts behind it that belong to none."""
    parts = text.split(";")
    most = min(len(parts), 1 + "".join(words).count(";"))
    for count in range(most, 1, -1):
        joined = ";".join(parts[:count]).strip()
        if finder.find(joined):
            return joined, parts[count:]
    return parts[0].strip(), parts[1:]


def _key(name: str) -> str:
    return "".join(name.casefold().split())


@lru_cache(maxsize=1024)
def _beginnings(types: tuple[str, ...]) -> tuple[re.Pattern[str], dict[str, str]]:
    """Return what finds a type and its colon, and the type by its name without case and blanks.

    The published code takes `location` and `located` for one name; so both are known.
    """
    names = {_key(name): name for name in reversed(types) if name.strip()}
    for name in types:
        names.setdefault(_key(name.casefold().replace("location", "located")), name)
    spelled = sorted({*types, *names}, key=len, reverse=True)
    listed = "|".join(r"\s*".join(map(re.escape, _TYPE_PARTS.findall(n))) for n in spelled)
    return re.compile(rf"(?:\A|[;,\n])[^\S\n]*({listed})\s*:", re.IGNORECASE), names
