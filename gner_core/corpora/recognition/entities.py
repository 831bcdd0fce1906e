"""Recognises where an entity has its start, end and label, and which text or words it is of."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from gner_core.corpora.readers.json.spans import MENTION_TEXTS, mention_text
from gner_core.corpora.readers.positions import Said, Utf16, in_code_points, same_text
from gner_core.errors import InputError

STARTS = ("start", "startoffset", "begin", "beginoffset", "startindex", "startchar", "from")
ENDS = ("end", "endoffset", "stop", "endindex", "endchar", "to")
LABELS = (
    *("label", "labels", "type", "entitytype", "entitylabel", "tag", "entitygroup", "entity"),
    *("class", "category"),
)
WITHOUT_BLANKS = "\u0e00"
"""The first sign of the scripts that write no blanks between words: from Thai to CJK."""
Keys = tuple[Any, Any, Any]


def ranked(names: Iterable[str], known: Sequence[str]) -> list[str]:
    """Return names in the order of the known ones, which also count behind a dot; then others."""

    def rank(name: str) -> int:
        last = name.rpartition(".")[2]
        return known.index(last) if last in known else len(known)

    return sorted(names, key=rank)


def is_start(key: str) -> bool:
    """Say whether a key names the start of an entity."""
    return _plain(key) in STARTS


def keys_of(entities: Sequence[Any]) -> Keys | None:
    """Return the keys or indices of start, end and label; None where these are no entities."""
    lists = [one for one in entities if isinstance(one, list) and len(one) >= 3]
    if lists and len(lists) * 2 > len(entities):
        by_kinds: dict[tuple[str, ...], Keys] = {
            ("number", "number", "text"): (0, 1, 2),
            ("number", "number", "number"): (0, 1, 2),
            ("text", "number", "number"): (1, 2, 0),
        }
        counted = Counter(tuple(map(_kind, one[:4])) for one in lists).most_common()
        most = [kinds for kinds, count in counted if count == counted[0][1]]
        kinds = next((kinds for kinds in most if kinds[:3] in by_kinds), None)
        if kinds == ("number", "number", "text", "text"):
            return 0, 1, _index_of_label(lists)
        return by_kinds[kinds[:3]] if kinds else None
    objects = [one for one in entities if isinstance(one, dict)]
    if not objects or len(objects) * 2 <= len(entities):
        return None
    start = _key(objects, STARTS, "number")
    end = _key(objects, ENDS, "number")
    label = (
        _key(objects, LABELS, "text")
        or _key_of_other_text(objects)
        or _key(objects, LABELS, "number")
    )
    return (start, end, label) if start and end and label else None


class Entities:
    """The entities of some records, and how well they fit a text or words."""

    def __init__(
        self, records: Sequence[dict[str, Any]], name: str, keys: Keys, *, included: bool | None
    ) -> None:
        """Take the field of entities; `included` says what is known of their ends."""
        self.records = records
        self.name = name
        self.keys = keys
        self.included = included

    def labels(self) -> list[str]:
        """Return the different labels."""
        lists = [record.get(self.name) for record in self.records]
        found = []
        for entity in [one for values in lists if isinstance(values, list) for one in values]:
            try:
                found.append(entity[self.keys[2]])
            except (KeyError, IndexError, TypeError):
                continue
        return list(dict.fromkeys(label.strip() for label in found if isinstance(label, str)))

    def lie_in_words(self, field: str) -> bool:
        """Say whether all positions lie inside a list of words."""
        places = list(self._places(field, list))
        return bool(places) and all(0 <= a <= b <= len(words) for words, a, b, _ in places)

    def fit_of_text(self, field: str) -> float:
        """Return the share of entities that fit a text: by what they say, or by their edges."""
        places = list(self._places(field, str))
        fits = sum(
            max(_fits(text, a, b + more, said) for more in self._choices())
            for text, a, b, said in places
        )
        return fits / len(places) if places else 0.0

    def inside_words(self, field: str, *, included: bool) -> float:
        """Return the share of starts and ends that lie inside words of a script with blanks.

        Entities that hold their texts are not counted.
        """
        edges = [
            _is_inside(text, edge)
            for text, start, end, said in self._places(field, str)
            if said is None
            for edge in (start, end + included)
        ]
        return sum(edges) / max(len(edges), 1)

    def fit_as_utf16(self, field: str, *, included: bool) -> tuple[int, int]:
        """Return how many edges of words entities have now, and if positions count UTF-16 units.

        Only positions that differ in the two are counted, of entities that do not hold their text.
        Whether ends are included was perhaps concluded from wrong positions, so both are tried.
        """
        now = self._edges_of_words(field, included=included, as_utf16=False)
        then = [self._edges_of_words(field, included=i, as_utf16=True) for i in (False, True)]
        return now, max(then)

    def _edges_of_words(self, field: str, *, included: bool, as_utf16: bool) -> int:
        found = 0
        for text, start, end, said in self._places(field, str):
            units = _utf16_of(text)
            for at, step in ((start, 0), (end + included, -1)):
                other = units.code_point(at)
                if said is None and other != at:
                    found += _is_edge(text, other if as_utf16 else at, step)
        return found

    def end_included(self, field: str) -> bool | None:
        """Say whether ends are included; None where the file leaves it open.

        Ends that only one of the meanings allows decide, what entities say of their texts, a name
        that GLiNER alone uses, and then ends inside words.
        """
        included = excluded = 0.0
        places = list(self._places(field, (str, list)))
        for content, start, end, said in places:
            # One sign that is its own end is seldom a word; one empty entity is easily a mistake.
            included += (1 if isinstance(content, str) else 1000) * (start == end)
            excluded += 1000 * (end == len(content))
            if said is not None:
                excluded += 1000 * _fits(content, start, end, said, strict=True)
                included += 1000 * _fits(content, start, end + 1, said, strict=True)
            elif isinstance(content, str) and start < end < len(content):
                before, at = content[end - 1].isalnum(), content[end].isalnum()
                excluded += before and not at
                included += at and not content[end + 1 : end + 2].isalnum()
        if included == excluded and (not places or field == "tokenized_text"):
            return bool(places)
        if included == excluded:
            return None
        return included > excluded

    def _choices(self) -> tuple[int, ...]:
        return (0, 1) if self.included is None else (int(self.included),)

    def _places(
        self, field: str, kind: type | tuple[type, ...]
    ) -> Iterator[tuple[Any, int, int, str | None]]:
        """Yield content, start, end and text of each entity; faulty ones when a file is read."""
        for record in self.records:
            content, entities = record.get(field), record.get(self.name)
            if not isinstance(content, kind) or not isinstance(entities, list):
                continue
            for entity in entities:
                try:
                    start, end = entity[self.keys[0]], entity[self.keys[1]]
                except (KeyError, IndexError, TypeError):
                    continue
                if isinstance(start, int) and isinstance(end, int):
                    yield content, start, end, mention_text(entity, self.keys, content)


def _fits(content: Any, start: int, end: int, said: str | None, *, strict: bool = False) -> float:
    """Return 1 where an entity is what it says; without that, half for each edge of a word."""
    if not 0 <= start <= end:
        return 0.0
    if isinstance(content, list):
        return float(said is not None and same_text(said, " ".join(map(str, content[start:end]))))
    if said is not None:
        one = Said([(start, end)], "", said, "")
        try:
            (place,) = in_code_points(content, [one], repairs=Counter())
        except InputError:
            return 0.0
        covered = content[place.start : place.end]
        is_exact = covered.casefold() == said.casefold() or covered == covered.strip()
        return float(is_exact or not strict)
    if end > len(content):
        return 0.0
    edges = [not _is_inside(content, edge) for edge in (start, end)]
    return sum(edges) / 2 if content[start:end].strip() else 0.0


@lru_cache(maxsize=1)
def _utf16_of(text: str) -> Utf16:
    """Return the units of the text of which one entity after the other is looked at."""
    return Utf16(text)


def _is_edge(text: str, at: int, step: int) -> bool:
    """Say whether a word starts at a position, or with step -1 ends there."""
    within = 0 <= at + step < len(text)
    return within and not text[at + step].isspace() and not _is_inside(text, at)


def _is_inside(text: str, at: int) -> bool:
    around = text[at - 1 : at + 1] if at > 0 else ""
    return len(around) == 2 and around.isalnum() and max(around) < WITHOUT_BLANKS


def _kind(value: Any) -> str:
    """Say what a value is meant to be; numbers that are written as texts are refused in reading."""
    if isinstance(value, str):
        return "number" if value.isdecimal() else "text"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else "other"


def _key(objects: Sequence[dict[str, Any]], names: Sequence[str], kind: str) -> str | None:
    """Return the key of a known name that at least half of the objects have, with such a value."""
    seen = dict.fromkeys(key for one in objects for key in one)
    plain = {key: _plain(key) for key in seen}
    for name in names:
        for key in (key for key in seen if plain[key] == name):
            values = [one[key] for one in objects if key in one]
            fitting = sum(
                _kind(value[0] if kind == "text" and isinstance(value, list) and value else value)
                == kind
                for value in values
            )
            if fitting * 2 >= len(objects):
                return key
    return None


def _plain(key: str) -> str:
    return key.replace("_", "").lower()


def _key_of_other_text(objects: Sequence[dict[str, Any]]) -> str | None:
    """Return the key with the fewest different texts, never one of the entity's own text or id."""
    keys = dict.fromkeys(
        key
        for one in objects
        for key, value in one.items()
        if isinstance(value, str) and key not in MENTION_TEXTS and _plain(key)[-2:] != "id"
    )
    return min(keys, key=lambda key: len({str(one.get(key)) for one in objects}), default=None)


def _index_of_label(entities: Sequence[list[Any]]) -> int:
    """Return which of two texts is the label: the one with fewer different values."""
    different = [len({one[index] for one in entities if len(one) > index}) for index in (2, 3)]
    return 3 if different[1] < different[0] else 2
