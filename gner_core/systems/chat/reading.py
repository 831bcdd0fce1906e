"""Reads the answers of a chat model: a JSON list for every type, or one object with all lists.

What stands before and after them is left out, such as code fences and the thoughts of a model that
shows them.
"""

import re
from collections.abc import Iterator, Sequence

from gner_core.config.systems.chat import ChatSystem
from gner_core.systems.chat.answers import FILTERED, WITHHELD
from gner_core.systems.chat.lenient import Bare, List, Object, Value, lists_in, objects_in
from gner_core.systems.interface import Reading
from gner_core.systems.strings import place, shown, storable

NOTHING = ("null", "none")
"""Words that stand for no entity."""
THOUGHTS_END = "</think>"
Named = tuple[str, str]
"""Type and text of an entity."""


class ChatReader:
    """Reads answers in the form that the params ask for."""

    def __init__(self, params: ChatSystem) -> None:
        """Take the form."""
        self._ask = params.ask

    def read(self, words: Sequence[str], types: Sequence[str], outputs: Sequence[str]) -> Reading:
        """Return the entities that the answers name: one output a type, or one for all types."""
        named: list[Named] = []
        unread: list[str] = []
        unknown: list[Named] = []
        if self._ask == "all":
            for output in outputs[:1]:
                pairs, faults = _read_object(output)
                unread += faults
                known = {_plain(name): name for name in reversed(types)}
                for key, text in pairs:
                    name = known.get(_plain(key))
                    (unknown if name is None else named).append((name or key, text))
        else:
            for name, output in zip(types, outputs, strict=False):
                texts, faults = _read_list(output)
                named += [(name, text) for text in texts]
                unread += [f"{name}: {fault}" for fault in faults]
        wanted = 1 if self._ask == "all" else len(types)
        if len(outputs) != wanted:
            unread.append(f"{len(outputs)} answers to {wanted} questions")
        placed = place(words, named)
        return Reading(
            placed.spans, placed.hallucinated, tuple(unknown), placed.ambiguous, tuple(unread)
        )


def _read_list(output: str) -> tuple[list[str], list[str]]:
    """Return the strings of the first list, and what could not be read."""
    text = _after_thoughts(output)
    lists = [*lists_in(text)]
    if not lists:
        return [], [_no("list", output, text)]
    faults: list[str] = []
    strings = [*_strings(lists[0], faults)]
    return strings, [*faults, *_left_over(lists[0], lists[1:], "list")]


def _read_object(output: str) -> tuple[list[Named], list[str]]:
    """Return key and string of every list of the first object, and what could not be read."""
    text = _after_thoughts(output)
    objects = [*objects_in(text)]
    if not objects:
        return [], [_no("object", output, text)]
    faults: list[str] = []
    pairs: list[Named] = []
    for key, value in objects[0].pairs:
        pairs += [(storable(key), one) for one in _strings(value, faults)]
    return pairs, [*faults, *_left_over(objects[0], objects[1:], "object")]


def _strings(value: Value, faults: list[str]) -> Iterator[str]:
    """Yield the strings that a value is or lists; add to the faults what it holds else."""
    for item in value.items if isinstance(value, List) else (value,):
        if isinstance(item, str):
            yield item
        elif not isinstance(item, Bare):
            faults.append(f"not a string: {type(item).__name__.lower()}")
        elif item.text.lower() not in NOTHING:
            faults.append(f"not a string: {shown(item.text)}")
    if isinstance(value, List) and not value.whole:
        faults.append("cut off")


def _left_over(first: List | Object, others: Sequence[List | Object], kind: str) -> Iterator[str]:
    if isinstance(first, Object) and not first.whole:
        yield "cut off"
    if others:
        yield f"after the first {kind}: {len(others)} more"


def _no(kind: str, output: str, text: str) -> str:
    if output == FILTERED:
        return WITHHELD
    return f"no {kind}: {shown(text)}" if text.strip() else "empty"


def _after_thoughts(output: str) -> str:
    """Return what follows the thoughts of a model; nothing where they do not end."""
    _, end, after = output.rpartition(THOUGHTS_END)
    return "" if not end and output.lstrip().startswith("<think>") else after


def _plain(name: str) -> str:
    """Return a type as it is compared: models write `Programming_Language`."""
    return " ".join(re.split(r"[\s_-]+", name.casefold())).strip()
