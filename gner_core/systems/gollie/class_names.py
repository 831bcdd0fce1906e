"""Class names for types of any text: valid, unique among the types of a prompt, and read back.

A type is written in CamelCase: every word begins with a capital, and what is neither letter nor
digit is left out, except signs that tell types apart (`C++`: CPlusPlus). Where that is no valid name
(`2d shape`, `none`) or the name of two types of a prompt (`e-mail`, `e mail`), the type is spelled
out behind an underscore: ASCII letters and digits as they are, a blank between two of them as an
underscore, all else by its code.

Example:
    >>> class_names(["program language", "C++", "2d shape", "e-mail", "e mail"])
    ... # doctest: +NORMALIZE_WHITESPACE
    {'program language': 'ProgramLanguage', 'C++': 'CPlusPlus', '2d shape': '_2d_shape',
     'e-mail': '_e__2d_mail', 'e mail': '_e_mail'}
"""

import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

BASE = "Entity"
"""The class that all classes of a prompt are derived from."""
_RESERVED = re.compile(rf"{BASE}|LABEL_\d+")
"""Names with a meaning of their own; the second are those of masked classes."""
_SIGNS = str.maketrans({"+": " plus ", "#": " sharp ", "&": " and ", "%": " percent "})


def class_names(types: Sequence[str]) -> dict[str, str]:
    """Return the class name of every type of a prompt; no two are the same."""
    short = {name: camel_case(name) for name in types}
    count = Counter(short.values())
    return {
        name: plain if count[plain] == 1 and _valid(plain) else spelled_out(name)
        for name, plain in short.items()
    }


def camel_case(name: str) -> str:
    """Return a type in CamelCase.

    Example:
        >>> [camel_case(name) for name in ("file path", "Restaurant Name", "PER", "C++")]
        ['FilePath', 'RestaurantName', 'PER', 'CPlusPlus']
    """
    words = re.findall(r"[^\W_]+", name.translate(_SIGNS))
    return "".join(word[0].upper() + word[1:] for word in words)


def spelled_out(name: str) -> str:
    """Return a valid name that no other type has, whatever the type holds."""
    pieces = [one if one.isascii() and one.isalnum() else f"__{ord(one):x}_" for one in name]
    inner = [len(piece) == 1 for piece in pieces]
    for at in range(1, len(pieces) - 1):
        if name[at] == " " and inner[at - 1] and inner[at + 1]:
            pieces[at] = "_"
    return f"_{''.join(pieces)}"


def _valid(name: str) -> bool:
    if not name.isidentifier() or keyword.iskeyword(name) or _RESERVED.fullmatch(name):
        return False
    return unicodedata.normalize("NFKC", name) == name
