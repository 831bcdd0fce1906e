"""Reads and scores GoLLIE's answers as the published code does, without evaluating them.

The published reader evaluates what follows the last `result = `; one error empties the list, and
some outputs end the whole evaluation. Then a filter drops objects whose text, in lower case, is no
part of the sentence, or is named more often than the sentence holds it.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from gner_core.systems.gollie.expressions import (
    Class,
    Ended,
    Failed,
    Instance,
    Other,
    Refused,
    compute,
)
from gner_core.systems.gollie.prompts import RESULT
from gner_core.systems.interface import Counts


class PublishedReading(NamedTuple):
    """What the published reader makes of an output.

    `before` holds the items of the list, `kept` the objects that are left after the filter, and
    `fault` says why the list could not be read; None where it could.
    """

    kept: tuple[Instance, ...]
    before: tuple[Any, ...]
    fault: str | None


def published_reading(
    output: str, words: Sequence[str], classes: Sequence[str]
) -> PublishedReading:
    """Return what the published reader makes of an output.

    Args:
        output: what the model wrote behind the prompt.
        classes: class names of the prompt.
    """
    _, marker, source = f"{RESULT}{output}".strip().rpartition(f"{RESULT} ")
    if not marker:
        return PublishedReading((), (), "no list of objects: no blank behind the prompt")
    try:
        items = _items(compute(source, classes))
    except Failed as error:
        return PublishedReading((), (), f"no list of objects: {error}")
    except Ended as error:
        return PublishedReading((), (), f"the published reader ends with {error}")
    except Refused as error:
        return PublishedReading((), (), f"code that is not run: {error}")
    return PublishedReading(_filtered(items, " ".join(words)), items, None)


def published_counts(
    gold: Sequence[tuple[str, str]], found: Sequence[Instance], classes: Sequence[str]
) -> Counts:
    """Return the counts of the published metric for one sentence.

    Args:
        gold: class and text of every entity.
        found: what the published reader kept.
    """
    wanted = Counter((name, _compared(text)) for name, text in gold)
    named = Counter((one.name, _compared(one.span)) for one in found if one.name in classes)
    return Counts((wanted & named).total(), named.total(), wanted.total())


def _items(value: Any) -> tuple[Any, ...]:
    """Return the items of a list or of another value that Python can go through."""
    if isinstance(value, Instance | Class | Other) or not hasattr(value, "__iter__"):
        kind = value.name if isinstance(value, Instance) else _kind(value)
        raise Ended(f"TypeError: {kind!r} object is not iterable")
    return tuple(value)


def _kind(value: Any) -> str:
    if isinstance(value, Class):
        return "type"
    return str(value.value) if isinstance(value, Other) else type(value).__name__


def _filtered(items: Sequence[Any], text: str) -> tuple[Instance, ...]:
    lowered = text.lower()
    named: Counter[str] = Counter()
    kept: list[Instance] = []
    for item in items:
        if not isinstance(item, Instance) or not isinstance(item.span, str):
            continue
        key = item.span.lower()
        if key.strip() not in lowered:
            continue
        named[key] += bool(key)
        if named[key] <= lowered.count(key):
            kept.append(item)
    return tuple(kept)


def _compared(text: str) -> str:
    return text.lower().strip()
