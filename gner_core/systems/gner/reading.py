"""Reads generated text back into words and BIO tags; it never fails, whatever a model wrote.

With the help of the sentence and its types, it reads labels with brackets, commas, hyphens and line
ends, words that look like tags (`PhP(O)Cl2`), lower-cased tags (`(o)`) and lost spaces
(`Kowalski(I-person),(O)`). A tag without a word keeps an empty word, since the tokenizer may not
know its characters. What cannot be read is counted (`unknown`) or returned (`rest`).

Example:
    >>> read_generated("Ada(B-person) waves(o) hap", ("Ada", "waves", "happily"), TagReader(("person",)))
    ReadText(words=['Ada', 'waves'], tags=['B-person', 'O'], unknown=0, rest='hap')
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

_BEGUN = ("B-", "I-")
_PREFIXES = {"B": "B", "I": "I", "S": "B", "E": "I"}
"""Prefix as written → prefix in BIO."""


class ReadText(NamedTuple):
    """Words and tags that were found, tags with an unknown type, and the text left over."""

    words: list[str]
    tags: list[str]
    unknown: int
    rest: str


class TagReader:
    """The tags that a list of types allows, and their written forms."""

    def __init__(
        self, types: Sequence[str], *, back: Mapping[str, str] | None = None, bioes: bool = False
    ) -> None:
        """Prepare patterns; `back` says how the tokenizer writes types and words, where that differs."""
        self.back = back or {}
        prefixes = "BISE" if bioes else "BI"
        known = {"O": "O"}
        names: dict[str, str] = {}
        for name in sorted(types):
            for form in (name, self.back.get(name, name)):
                if form.strip():
                    names.setdefault(" ".join(form.split()), name)
        for form, name in names.items():
            known |= {f"{p}-{form}": f"{_PREFIXES[p]}-{name}" for p in prefixes}
        self.names = names
        self.known = known
        self._folded = {tag.lower(): bio for tag, bio in known.items()}
        spelled = sorted(names, key=len, reverse=True)  # longest first: labels may hold brackets
        listed = "|".join(r"\s+".join(map(re.escape, name.split(" "))) for name in spelled)
        bracketed = any(mark in name for name in names for mark in "()")
        tag = rf"[{prefixes}]-[^()]+|O"
        if bracketed:
            tag = rf"[{prefixes}]-(?:{listed})|{tag}"
        self.tag = re.compile(rf"\(({tag})\) ?", re.IGNORECASE)
        self.label = re.compile(rf"\]\(({listed + '|' if listed else ''}[^()]*)\)", re.IGNORECASE)

    def bio(self, written: str) -> str | None:
        """Return the BIO tag that a written tag means, None for an unknown type."""
        return self.known.get(written) or self._folded.get(" ".join(written.split()).lower())


def read_generated(text: str, words: Sequence[str], reader: TagReader) -> ReadText:
    """Read a text in which a tag follows every word.

    Args:
        words: the sentence; a text that copies it is read exactly, whatever the words hold.
    """
    *pieces, rest = reader.tag.split(text)
    found, written = pieces[::2], pieces[1::2]
    if found != list(words):
        copied = _copied(text, words, reader)
        if copied is not None:
            found, written, rest = list(words), copied, ""
        else:
            found, written, rest = _separated(text, words, reader)
    return _understood(found, written, rest, reader)


def _understood(found: list[str], written: Sequence[str], rest: str, reader: TagReader) -> ReadText:
    """Return what was read, with the tags that the written ones mean."""
    tags = [reader.known.get(tag) or reader.bio(tag) for tag in written]
    unknown = tags.count(None)
    return ReadText(found, [tag or "O" for tag in tags], unknown, rest.strip())


def _copied(
    text: str, words: Sequence[str], reader: TagReader, *, lean: bool = False
) -> list[str] | None:
    """Return the tags of a text that copies the sentence, else None; lean: words may have none."""
    at = 0
    written: list[str] = []
    for word in words:
        if not text.startswith(word, at):
            return None
        at += len(word)
        match = reader.tag.match(text, at)
        if match:
            written.append(match[1])
            at = match.end()
        elif lean:
            written.append("O")
            at += text.startswith(" ", at)
        else:
            return None
    return written if at == len(text) else None


def _separated(
    text: str, words: Sequence[str], reader: TagReader
) -> tuple[list[str], list[str], str]:
    """Split at tags, except within words of the sentence that look like tags."""
    found: list[str] = []
    written: list[str] = []
    at = 0
    for match in _tags(text, words, reader, word=r"(?:{})(?=\()"):
        found.append(text[at : match.start()].strip())
        written.append(match[1])
        at = match.end()
    return found, written, text[at:]


def _tags(
    text: str, words: Sequence[str], reader: TagReader, *, word: str
) -> Iterator[re.Match[str]]:
    """Yield the tags of a text, from left to right.

    Args:
        word: the pattern of a word that looks like a tag, with {} for all of them.
    """
    pattern = reader.tag
    opaque = {one for one in words if "(" in one and reader.tag.search(one)}
    if opaque:
        listed = "|".join(map(re.escape, sorted(opaque, key=len, reverse=True)))
        pattern = re.compile(f"{word.format(listed)}|{pattern.pattern}", re.IGNORECASE)
    return (match for match in pattern.finditer(text) if match[1] is not None)


def read_lean(text: str, words: Sequence[str], reader: TagReader, *, gap: str) -> ReadText:
    """Read a text in which only words of entities have a tag: `New(B-city) York(I-city) waits`.

    Words are separated by blanks; the gap marker is not a word. A tag after a blank belongs to the
    word before it, unless the tokenizer writes a word of the sentence as nothing.

    Args:
        words: the sentence; a text that copies it is read exactly, whatever the words hold.
    """
    copied = _copied(text, words, reader, lean=True)
    if copied is not None:
        return _understood(list(words), copied, "", reader)
    text, rest = _unfinished(text)
    blank = " " if "" in map(reader.back.get, map(str.lower, words)) else None
    found: list[str] = []
    written: list[str] = []
    at = 0
    for match in _tags(text, words, reader, word=r"(?<!\S)(?:{})"):
        piece = _words(text[at : match.start()], gap, blank) or [""]
        found += piece
        written += [*["O"] * (len(piece) - 1), match[1]]
        at = match.end()
    last = _words(text[at:], gap, blank)
    return _understood([*found, *last], [*written, *["O"] * len(last)], rest, reader)


def _unfinished(text: str) -> tuple[str, str]:
    """Return a text without its last word, and that word, where the text ends within its tag."""
    opening = text.rfind("(")
    if (
        opening < 0
        or ")" in text[opening:]
        or text[opening + 1 : opening + 3].upper() not in _BEGUN
    ):
        return text, ""
    before, _, last = text[:opening].rpartition(" ")
    return before, last + text[opening:]


def _words(text: str, gap: str, blank: str | None) -> list[str]:
    """Return the words between two tags; `blank` is a sign that separates empty words, too."""
    return [word for word in text.split(blank) if not gap or word != gap] if text else []


def read_bracketed(text: str, words: Sequence[str], reader: TagReader, *, gap: str) -> ReadText:
    """Read a text in which only entities are marked: `[New York](location) waits`.

    An entity opens at the first `[` after which its text occurs in the sentence, else at the last.
    Words outside are separated by blanks; the gap marker is not a word.
    """
    sentence = f" {' '.join(words)} ".lower()
    found: list[str] = []
    tags: list[str] = []
    at = 0
    unknown = 0
    for match in reader.label.finditer(text):
        opening = _opening(text, at, match.start(), sentence)
        if opening < 0:
            continue
        _plain(text[at:opening], gap, found, tags)
        inside = text[opening + 1 : match.start()].split()
        first = reader.bio(f"B-{match[1]}")
        unknown += first is None
        label = (first or "B-")[2:]
        found += inside
        tags += [f"{'I' if n else 'B'}-{label}" if label else "O" for n in range(len(inside))]
        at = match.end()
    _plain(text[at:], gap, found, tags)
    return ReadText(found, tags, unknown, "")


def _opening(text: str, start: int, end: int, sentence: str) -> int:
    """Return where the bracket that ends at `end` opens, -1 where none does."""
    at = text.find("[", start, end)
    while at >= 0:
        inside = " ".join(text[at + 1 : end].split()).lower()
        if inside and f" {inside} " in sentence:
            return at
        at = text.find("[", at + 1, end)
    return text.rfind("[", start, end)


def _plain(text: str, gap: str, found: list[str], tags: list[str]) -> None:
    words = _words(text, gap, None)
    found += words
    tags += ["O"] * len(words)
