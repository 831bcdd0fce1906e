"""From strings to spans, by one rule for every system that answers with strings.

A string is searched in the sentence at word boundaries: exactly, then without regard to case, then
without regard to blanks as well, then with signs that are written in several ways made alike (`’`
and `'`, `–` and `-`, accents in NFC and NFD); first as whole words (`Paris`), then as parts of words
between which no letter or digit is cut off (`C` in `"C"`). Answers are placed longest first. Each takes the
first occurrence that its type has not taken, and one inside a longer answer only if no other is
left. So repeated answers take successive occurrences; a string given once that occurs twice takes
the first and counts as ambiguous. What has no occurrence left is hallucinated. Spans of different
types may overlap; `without_overlaps` resolves that.

Example:
    >>> words = "New York Times and New York".split()
    >>> place(words, [("paper", "New York Times"), ("city", "new york"), ("city", "Rome")])
    ... # doctest: +NORMALIZE_WHITESPACE
    Placed(spans=(Span(start=0, end=3, label='paper'), Span(start=4, end=6, label='city')),
           hallucinated=(('city', 'Rome'),), ambiguous=0)
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gner_core.records import Span

SIGNS = str.maketrans(
    dict.fromkeys(
        "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}`\N{ACUTE ACCENT}", "'"
    )
    | dict.fromkeys("\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}", '"')
    | dict.fromkeys("\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}", "-")
)
"""Quotation marks and dashes → those of a keyboard."""
Bounds = tuple[int, int]
"""First word and the word after the last one."""


class Placed(NamedTuple):
    """Sorted spans, answers that the sentence does not hold, ambiguous answers; see `Reading`."""

    spans: tuple[Span, ...]
    hallucinated: tuple[tuple[str, str], ...]
    ambiguous: int


def place(words: Sequence[str], answers: Sequence[tuple[str, str]]) -> Placed:
    """Return where a sentence holds the answers, which are pairs of type and text."""
    finder = Finder(words)
    groups: defaultdict[tuple[str, tuple[Bounds, ...]], list[int]] = defaultdict(list)
    lost: list[int] = []
    for number, (label, text) in enumerate(answers):
        found = finder.find(text)
        if found:
            groups[label, found].append(number)
        else:
            lost.append(number)
    spans: set[Span] = set()
    ambiguous = 0
    reach = [0] * len(words)  # of each word: the words of the longest answer placed on it
    for (label, found), numbers in sorted(groups.items(), key=_longest_and_rarest_first):
        left = [bounds for bounds in found if Span(*bounds, label) not in spans]
        free = [b for b in left if max(reach[b[0] : b[1]]) <= b[1] - b[0]]
        inside = sorted({*left} - {*free})
        ambiguous += len(numbers) if len(free) > len(numbers) else 0
        for start, end in [*free, *inside][: len(numbers)]:
            spans.add(Span(start, end, label))
            reach[start:end] = [max(end - start, longest) for longest in reach[start:end]]
        lost += numbers[len(left) :]
    hallucinated = [answers[number] for number in sorted(lost)]
    texts = tuple((label, storable(text)) for label, text in hallucinated)
    return Placed(tuple(sorted(spans)), texts, ambiguous)


def _longest_and_rarest_first(
    group: tuple[tuple[str, tuple[Bounds, ...]], list[int]],
) -> tuple[int, int, int]:
    (_, found), numbers = group
    return min(start - end for start, end in found), len(found), numbers[0]


def without_overlaps(spans: Iterable[Span]) -> list[Span]:
    """Return spans of which no two share a word: the longer one stays, of equal ones the earlier.

    Of spans over the same words, the label that comes first in the alphabet stays.

    Example:
        >>> without_overlaps([Span(0, 2, "city"), Span(0, 3, "paper"), Span(4, 5, "city")])
        [Span(start=0, end=3, label='paper'), Span(start=4, end=5, label='city')]
    """
    kept: list[Span] = []
    taken: set[int] = set()
    for span in sorted(spans, key=lambda s: (s.start - s.end, s)):
        if taken.isdisjoint(range(span.start, span.end)):
            taken.update(range(span.start, span.end))
            kept.append(span)
    return sorted(kept)


def storable(text: str) -> str:
    r"""Return a text that can be written as UTF-8: halves of surrogate pairs are replaced.

    Example:
        >>> storable("a\ud83d")
        'a�'
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def shown(text: str, longest: int = 80) -> str:
    """Return a text on one line for a message, cut where it is long.

    Example:
        >>> shown("one    line and more", 8)
        'one line…'
    """
    line = " ".join(storable(text[: 4 * longest]).split())
    return line if len(line) <= longest else f"{line[:longest]}…"


class Finder:
    """Searches strings in the words of one sentence."""

    def __init__(self, words: Sequence[str]) -> None:
        """Prepare the search; words that hold nothing but blanks are never found."""
        plain = [" ".join(word.split()) for word in words]
        folded = [word.casefold() for word in plain]
        bare = [word.replace(" ", "") for word in folded]
        alike = [_alike(word) for word in bare]
        self._views = (_View(plain, " "), _View(folded, " "), _View(bare, ""), _View(alike, ""))
        self._found: dict[str, tuple[Bounds, ...]] = {}

    def find(self, text: str) -> tuple[Bounds, ...]:
        """Return all occurrences of a text, in order, by the first way of searching that has any."""
        plain = " ".join(text.split())
        if plain not in self._found:
            folded = plain.casefold()
            bare = folded.replace(" ", "")
            forms = (plain, folded, bare, _alike(bare))
            self._found[plain] = next(filter(None, self._searches(forms)), ()) if plain else ()
        return self._found[plain]

    def _searches(self, forms: tuple[str, str, str, str]) -> Iterable[tuple[Bounds, ...]]:
        for view, form in zip(self._views, forms, strict=True):
            yield view.whole_words(form)
        if any(map(str.isalnum, forms[0])):
            for view, form in zip(self._views, forms, strict=True):
                yield view.parts(form)


class _View:
    """The words of a sentence as one text, with the word that each character belongs to."""

    def __init__(self, words: Sequence[str], gap: str) -> None:
        pieces: list[str] = []
        self._owner: list[int] = []
        self._edges: set[int] = set()
        for position, word in enumerate(words):
            if word:
                piece = gap + word if pieces else word
                pieces.append(piece)
                self._owner += [position] * len(piece)
                self._edges |= {len(self._owner) - len(word), len(self._owner)}
        self._text = "".join(pieces)

    def whole_words(self, form: str) -> tuple[Bounds, ...]:
        return tuple(
            self._bounds(at, end)
            for at, end in self._matches(form)
            if at in self._edges and end in self._edges
        )

    def parts(self, form: str) -> tuple[Bounds, ...]:
        found = [
            self._bounds(at, end)
            for at, end in self._matches(form)
            if self._boundary(at) and self._boundary(end)
        ]
        return tuple(dict.fromkeys(found))

    def _matches(self, form: str) -> Iterable[Bounds]:
        at = self._text.find(form)
        while at >= 0:
            yield at, at + len(form)
            at = self._text.find(form, at + 1)

    def _bounds(self, at: int, end: int) -> Bounds:
        return self._owner[at], self._owner[end - 1] + 1

    def _boundary(self, at: int) -> bool:
        text = self._text
        if at in self._edges or at in (0, len(text)):
            return True
        return not (_inner(text[at - 1]) and _inner(text[at]))


def _alike(folded: str) -> str:
    """Return a text without case in one form of its signs."""
    if folded.isascii():
        return folded
    one_form = unicodedata.normalize("NFKC", folded.translate(SIGNS)).casefold()
    return one_form.replace("i\N{COMBINING DOT ABOVE}", "i")  # of a Turkish capital


def _inner(character: str) -> bool:
    """Say whether a character is part of a word: a letter, a digit, or a mark on one."""
    return character.isalnum() or unicodedata.category(character)[0] == "M"
