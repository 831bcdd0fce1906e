"""The names of entity types: what is one, and which of them are the same type.

Two names are of one type where they differ in no more than capitals, blanks, the way in which
accents are stored (NFC or NFD), and signs that are not seen. This holds for catalogs, for labels
that are recognised in files, and for the types that a prediction asks for.

Example:
    >>> type_key("New  York places") == type_key("new york Places")
    True
    >>> fault_of_type("O")
    'is no type: O is the tag of words outside entities'
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from unicodedata import category, normalize

_TAG = re.compile("[BI]-.")


@lru_cache(maxsize=2**16)
def type_key(name: str) -> str:
    """Return what all names of one type have in common."""
    seen = "".join(sign for sign in name if category(sign) != "Cf")
    return normalize("NFC", one_blank(seen).casefold())


def one_blank(name: str) -> str:
    """Return a name without blanks around it, and with single ones inside."""
    return " ".join(name.split())


def plain_label(label: str) -> str:
    """Return a label of files or catalogs in the form in which labels are compared.

    It has no blanks around it, single ones inside, and composed letters (NFC): two labels that
    look the same are the same.
    """
    return normalize("NFC", one_blank(label))


def fault_of_type(name: str) -> str | None:
    """Return why a name is none of an entity type, as the end of a sentence; None where it is one."""
    if any(category(sign) == "Cs" for sign in name):
        return "holds half a surrogate pair; repair the encoding"
    if not type_key(name):
        return "is blank; leave it out or name it"
    if type_key(name) == "o":
        return "is no type: O is the tag of words outside entities"
    control = next((sign for sign in name if category(sign) == "Cc" and not sign.isspace()), None)
    return f"holds the control character {control!r}; leave it out" if control else None


def of_one_type(names: Iterable[str]) -> list[list[str]]:
    """Return the groups of different names that are of one type."""
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        groups.setdefault(type_key(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def faults_of_labels(labels: Mapping[str, str], labels_to_o: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with the types that a catalog entry gives to labels."""
    given: dict[str, str] = {}
    for label, name in labels.items():
        first = given.setdefault(plain_label(label), label)
        if first != label:
            yield f"labels: {first!r} and {label!r} are one label in files; leave one out"
        if fault := _fault_of_written(label, name):
            yield f"labels: {fault}"
    for group in of_one_type(labels.values()):
        names = " and ".join(map(repr, group))
        of_them = ", ".join(label for label, name in labels.items() if name in group)
        yield (
            f"labels: {names} are one type, with capitals or accents written in several ways; "
            f"give {of_them} one name, or names that differ in more"
        )
    for label in labels_to_o:
        if plain_label(label) in given:
            name = labels[given[plain_label(label)]]
            yield (
                f"labels_to_o: {label!r} has a type in labels, too: {name!r}; "
                "leave one of the two out"
            )


def _fault_of_written(label: str, name: str) -> str | None:
    """Return why a name cannot stand for a label in a catalog, which must hold it as it is shown."""
    if type_key(name) == "o":
        return f"O is no type; labels_to_o: [{label}] makes {label} O"
    if fault := fault_of_type(name):
        return f"{label}: {name!r} {fault}"
    if name != one_blank(name):
        return f"{label}: {name!r} holds blanks that are not seen; write {one_blank(name)!r}"
    if _TAG.match(name):
        return (
            f"{label}: {name!r} looks like a tag; write {name[2:]!r}, "
            f"or where the hyphen is meant {name.replace('-', ' ', 1)!r}"
        )
    return None
