"""The text that the model learns to write, in every form of Fig. 3 of the paper, and in a lean one.

- BIO, BIOES: every kept word is followed by its tag, `New(B-city) York(I-city) waits(O)`;
- BI: as BIO, without the tag of words outside, `New(B-city) York(I-city) waits`;
- brackets: only entities are marked, `[New York](city) waits`.

`context` is how many words around an entity are kept ("full": all, 0: entities alone); a gap marker
replaces the words that are left out between two kept pieces (§3.2, Fig. 4).

Example:
    >>> target(("New", "York", "waits"), ("B-location", "I-location", "O"), BIO)
    'New(B-location) York(I-location) waits(O)'
    >>> target(("New", "York", "waits"), ("B-location", "I-location", "O"), LEAN)
    'New(B-location) York(I-location) waits'
"""

from collections.abc import Callable, Iterator, Sequence

from gner_core.config.systems.gner import TargetForm
from gner_core.records import Span, spans_of

BIO = TargetForm(labels="BIO", context="full", gap="")
"""The form of the paper's final system."""
LEAN = TargetForm(labels="BI", context="full", gap="")
"""Every word, of which most have no tag: about half the tokens."""


def target(words: Sequence[str], tags: Sequence[str], form: TargetForm) -> str:
    """Return the target of a sentence with BIO tags."""
    if form.can_be_guided:
        pairs = zip(words, tags, strict=True)
        return " ".join([marked(word, tag, form) for word, tag in pairs])
    spans = spans_of(tags)
    units = _bracketed(words, spans) if form.labels == "brackets" else _tagged(words, tags, form)
    kept = _kept(spans, len(words), form.context)
    pieces: list[str] = []
    last = -1
    for start, end, text in units:
        if not kept[start]:
            continue
        if form.context != 0 and last not in (-1, start):
            pieces.append(form.gap)
        pieces.append(text)
        last = end
    return " ".join(piece for piece in pieces if piece)


def marked(word: str, tag: str, form: TargetForm) -> str:
    """Return a word with its tag as a form with tags writes it."""
    return word if tag == "O" and form.labels == "BI" else f"{word}({tag})"


def longest_target(
    words: Sequence[str],
    types: Sequence[str],
    form: TargetForm,
    *,
    length: Callable[[str], int] = len,
) -> str:
    """Return a target that no correct answer exceeds: every word has the longest tag there is.

    Decoding budgets are derived from it.

    Args:
        length: that of what stands in the brackets, such as `B-person`.
    """
    if form.labels == "brackets":
        label = max(types, key=length, default="")
        return " ".join(f"[{word}]({label})" if label else word for word in words)
    prefixes = "BIES" if form.labels == "BIOES" else "BI"
    tags = [f"{prefix}-{name}" for name in types for prefix in prefixes]
    tag = max(["O", *tags], key=length)
    return " ".join(marked(word, tag, form) for word in words)


def bioes(tags: Sequence[str]) -> list[str]:
    """Return BIO tags in BIOES form: the last word of an entity is E-, a single one S-."""
    result = list(tags)
    for span in spans_of(tags):
        result[span.start] = f"B-{span.label}"
        result[span.end - 1] = f"{'E' if span.end - span.start > 1 else 'S'}-{span.label}"
    return result


def _tagged(
    words: Sequence[str], tags: Sequence[str], form: TargetForm
) -> Iterator[tuple[int, int, str]]:
    shown = bioes(tags) if form.labels == "BIOES" else tags
    for position, (word, tag) in enumerate(zip(words, shown, strict=True)):
        yield position, position + 1, marked(word, tag, form)


def _bracketed(words: Sequence[str], spans: Sequence[Span]) -> Iterator[tuple[int, int, str]]:
    at = 0
    for span in [*spans, Span(len(words), len(words), "")]:
        for position in range(at, span.start):
            yield position, position + 1, words[position]
        if span.label:
            text = " ".join(words[span.start : span.end])
            yield span.start, span.end, f"[{text}]({span.label})"
        at = span.end


def _kept(spans: Sequence[Span], length: int, context: int | str) -> list[bool]:
    """Say of each word whether it is written."""
    if not isinstance(context, int):
        return [True] * length
    kept = [False] * length
    for span in spans:
        for position in range(max(0, span.start - context), min(length, span.end + context)):
            kept[position] = True
    return kept
