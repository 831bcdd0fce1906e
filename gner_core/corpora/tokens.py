"""Splits running text with entities into words with BIO tags; `TextFormat.tokens` has the rules.

Example:
    >>> text = RawText("Ada's tea", [Mention(0, 3, "person")], line=1)
    >>> tokenise(text, rule="blanks", repairs=Counter()).words
    ["Ada's", 'tea']
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from gner_core.corpora.cutting import sentence_starts
from gner_core.corpora.mentions import without_overlaps
from gner_core.corpora.readers.raw import Mention, RawSentence, RawSpans, RawText
from gner_core.corpora.words import word_spans

_BETWEEN_BLANKS = re.compile(r"\S+")


def tokenise(
    raw: RawText,
    *,
    rule: Literal["blanks", "words"],
    repairs: Counter[str],
    with_starts: bool = True,
) -> RawSentence:
    """Return the words of a text with the tags of its entities; overlaps are resolved.

    Args:
        with_starts: whether to find where sentences start, which only cutting needs.
    """
    mentions = without_overlaps(raw.mentions, repairs=repairs)
    if rule == "blanks":
        tokens = [match.span() for match in _BETWEEN_BLANKS.finditer(raw.text)]
    else:
        tokens = _split_at_edges(word_spans(raw.text), mentions, repairs)
    starts = [start for start, _ in tokens]
    ends = [end for _, end in tokens]
    spans = []
    for mention in mentions:
        first = bisect_right(ends, mention.start)
        end = bisect_left(starts, mention.end)
        if first == end:
            repairs["entities of blanks left out"] += 1
            continue
        if starts[first] < mention.start or ends[end - 1] > mention.end:
            repairs["entities widened to whole words"] += 1
        spans.append(Mention(first, end, mention.label))
    words = [raw.text[start:end] for start, end in tokens]
    tagged = tag_words(RawSpans(words, spans, raw.line), repairs=repairs)
    if not with_starts:
        return RawSentence(words, tagged.tags, tagged.lines, raw.unanswered)
    at = dict.fromkeys(bisect_left(starts, offset) for offset in sentence_starts(raw.text))
    return RawSentence(words, tagged.tags, tagged.lines, raw.unanswered, tuple(at))


def tag_words(raw: RawSpans, *, repairs: Counter[str]) -> RawSentence:
    """Return the words with BIO tags of their entities; overlaps are resolved."""
    tags = ["O"] * len(raw.words)
    for start, end, label in without_overlaps(raw.mentions, repairs=repairs):
        tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    return RawSentence(raw.words, tags, [raw.line] * len(tags))


def _split_at_edges(
    tokens: list[tuple[int, int]], mentions: Sequence[Mention], repairs: Counter[str]
) -> list[tuple[int, int]]:
    edges_in: dict[int, list[int]] = {}
    for edge in sorted({edge for mention in mentions for edge in (mention.start, mention.end)}):
        number = bisect_left(tokens, (edge, 0)) - 1  # of the last token that starts before it
        if number >= 0 and edge < tokens[number][1]:
            edges_in.setdefault(number, []).append(edge)
    if not edges_in:
        return tokens
    repairs["words split where an entity ends in them"] += len(edges_in)
    pieces: list[tuple[int, int]] = []
    for number, (start, end) in enumerate(tokens):
        inside = edges_in.get(number, [])
        pieces += zip([start, *inside], [*inside, end], strict=True)
    return pieces
