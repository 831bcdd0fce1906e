"""Splits raw text into words with exact offsets, for training (`tokens: words`) and predicting.

- Blanks, line ends, control characters and zero-width spaces separate words and belong to none.
- What a reader sees as one sign is never split: combining marks, emoji sequences, flags, keycaps.
- In scripts without blanks between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese, …) every
  sign is a word, as in corpora of these languages.
- Punctuation is a word of its own, except inside `3.14`, `U.S.`, `O'Brien`, `York-based`, `AT&T`,
  web addresses, `@user` and `#tag`; clitics are cut off as in CoNLL: `Seton` `'s`, `do` `n't`.

Example:
    >>> [word.text for word in split_words("Don't visit St. Louis's zoo (3.5 km).")]
    ['Do', "n't", 'visit', 'St.', 'Louis', "'s", 'zoo', '(', '3.5', 'km', ')', '.']
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from gner_core.errors import InputError


class Word(NamedTuple):
    """A word and its offsets: `source[start:end] == text`, in characters (code points)."""

    text: str
    start: int
    end: int


LONGEST_ABBREVIATION = 24
LONGEST_KNOWN = 40
"""Characters of a piece between blanks whose words are remembered."""
_NO_BLANKS = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u0f00-\u0fff"  # Tibetan
    "\u1000-\u109f\u1780-\u17ff\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese, Khmer
    "\u3005-\u3007\u3041-\u30ff\u31a0-\u31bf\u31f0-\u31ff"  # Kana, Bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"  # Han
    "\U0001b000-\U0001b16f\U00020000-\U000323af"
)
_SEPARATORS = (
    "\u0000-\u001f\u007f-\u00a0\u200b\u2028\u2029\u2060\ufeff"  # control, blanks without width
    "\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction of writing
)
_PIECE = re.compile(rf"([A-Za-z0-9]+)([,;!?)])?(?=\s|\Z)|[^\s{_SEPARATORS}]+")
"""What stands between blanks; its groups are the usual case, a plain word and perhaps one sign."""
_PLAIN = re.compile(r"[A-Za-z0-9_]+")
_NO_BLANK = re.compile(rf"[{_NO_BLANKS}]")
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")
_ADDRESS = re.compile(
    r"(?:https?|ftp)://[^\s<>\"]*[\w/]|www\.[^\s<>\"]*[\w/]|[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+"
)
_CLITIC = re.compile(r"(?<=\w)(?:n['’]t|['’](?:[smdSMD]|re|ve|ll|RE|VE|LL))\Z|(?<=\w)N['’]T\Z")
_DOTTED = re.compile(
    r"(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Gen|Sen|Gov|Rev|Lt|Col|Capt|Inc|Co|Corp|Ltd|vs|No|Mt|Ft)\.\Z"
    r"|(?:[^\W\d_]\.)+\Z"
)
_INSIDE = frozenset("-‐‑'’.,:/&_·")
"""Signs that may stand between letters or digits of one word."""
_RUN = re.compile(r"([.\-!?*=_~—])\1*")
_ENDS = frozenset(".!?…。！？．｡؟۔।॥։።")
_CLOSING = frozenset("\"'’”»)]}」』）】〉》")
_JOINER = "\u200d"


def split_words(text: str) -> list[Word]:
    """Return the words of a text, left to right.

    Raises:
        InputError: for half a surrogate pair, which is no character.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"character {error.start} is half a surrogate pair and no text; repair the encoding"
        ) from None
    return [Word(text[start:end], start, end) for start, end in word_spans(text)]


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return start and end of the words of a text, which must be sound Unicode."""
    spans: list[tuple[int, int]] = []
    for piece in _PIECE.finditer(text):
        first, last = piece.span()
        if piece.lastindex:
            spans.append(piece.span(1))
            if piece.lastindex == 2:
                spans.append(piece.span(2))
        elif last - first > LONGEST_KNOWN:
            spans += _parts(text, first, last)
        else:
            spans += [(first + a, first + b) for a, b in _known_parts(piece.group())]
    return spans


def sentence_ends(words: Sequence[str]) -> list[bool]:
    """Say of each word whether a sentence ends after it, closing quotes and brackets included."""
    ends = [False] * len(words)
    open_end = False
    for position, word in enumerate(words):
        if word[0] in _ENDS and word[-1] in _ENDS:
            open_end = ends[position] = True
        elif open_end and word in _CLOSING:
            ends[position - 1], ends[position] = False, True
        else:
            open_end = False
    return ends


def line_ends(text: str, words: Sequence[Word]) -> list[bool]:
    """Say of each word whether a line ends between it and the next one."""
    starts = [*(word.start for word in words), len(text)][1:]
    return ["\n" in text[word.end : start] for word, start in zip(words, starts, strict=True)]


@lru_cache(maxsize=2**16)
def _known_parts(piece: str) -> tuple[tuple[int, int], ...]:
    """Return the words of a piece; most pieces of a corpus are frequent ones."""
    return tuple(_parts(piece, 0, len(piece)))


def _parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the words of a piece without blanks."""
    at = start
    while at < end:
        address = _ADDRESS.match(text, at, end)
        if address:
            yield at, address.end()
            at = address.end()
            continue
        after = _sign_end(text, at, end)
        if _NO_BLANK.match(text[at]):
            yield at, after
        elif _lettered(text[at]) or _tagged(text, at, end):
            after = _word_end(text, at, end)
            yield from _without_clitic(text, at, after)
        else:
            run = _RUN.match(text, at, end)
            after = max(after, _marks_end(text, run.end(), end)) if run else after
            yield at, after
        at = after


def _word_end(text: str, start: int, end: int) -> int:
    """Return where a word that begins with a letter or digit (or `@`, `#`) ends."""
    at = start if _lettered(text[start]) else _sign_end(text, start, end)
    while at < end:
        run = _PLAIN.match(text, at, end)
        if run and (run.end() == end or text[run.end()].isascii()):  # the usual case, and fast
            at = run.end()
            continue
        sign = text[at]
        after = _sign_end(text, at, end)
        if _lettered(sign) and not _NO_BLANK.match(sign):
            at = after
        elif sign in _INSIDE and after < end and _joins(text, start, at, after):
            at = _sign_end(text, after, end)
        elif sign == "." and _dotted(text, start, after):
            at = after
        else:
            break
    return at


def _joins(text: str, start: int, at: int, after: int) -> bool:
    """Say whether the sign at `at` holds the letters on both sides together."""
    left, right = text[at - 1], text[after]
    if not _lettered(right) or _NO_BLANK.match(right):
        return False
    if text[at] in ",:":
        return left.isdigit() and right.isdigit()
    if text[at] == ".":
        between_digits = left.isdigit() and right.isdigit()
        return between_digits or _dotted(text, start, after) or right.islower()
    return True


def _dotted(text: str, start: int, end: int) -> bool:
    """Say whether this is an abbreviation with its dots; none is long."""
    return end - start <= LONGEST_ABBREVIATION and _DOTTED.match(text, start, end) is not None


def _without_clitic(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    clitic = _CLITIC.search(text, start, end)
    if clitic and clitic.start() > start:
        yield start, clitic.start()
        yield clitic.start(), end
    else:
        yield start, end


def _lettered(sign: str) -> bool:
    return sign == "_" or unicodedata.category(sign)[0] in "LNM"


def _tagged(text: str, at: int, end: int) -> bool:
    return text[at] in "@#" and at + 1 < end and _lettered(text[at + 1])


def _sign_end(text: str, start: int, end: int) -> int:
    """Return where the sign ends that a reader sees at `start`."""
    at = start + 1
    if (at == end or text[at].isascii()) and text[start] != _JOINER:  # the usual case, and fast
        return at
    if _FLAG.match(text, start) and at < end and _FLAG.match(text, at):
        at += 1
    at = _marks_end(text, at, end)
    while at < end and text[at - 1] == _JOINER and not _lettered(text[at]):
        at = _marks_end(text, at + 1, end)
    return at


def _marks_end(text: str, at: int, end: int) -> int:
    """Return the end of what belongs to the sign before: marks, joiners, skin colours, tags."""
    while at < end and (
        unicodedata.category(text[at]) in ("Mn", "Mc", "Me", "Cf") or "🏻" <= text[at] <= "🏿"
    ):
        at += 1
    return at
