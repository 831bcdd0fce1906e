"""Reads gold sentences from one file and predictions for them from another.

The predictions are tagged words, in any format that `gner data check` recognises, or what
`gner predict --format json` prints: texts with entities in characters. The words of the sentences
are then looked up in the texts. A word is cut where a predicted entity begins or ends in it, so
that entities with other bounds than the gold ones stay other entities. Every listed entity is
predicted, also where entities share words.

Example:
    >>> text = ListedText("Ada of Paris-based", [ListedEntity(7, 12, "city")])
    >>> sentence = Sentence("", "", ("Ada", "of", "Paris-based"), ("B-person", "O", "B-misc"), ())
    >>> [one] = _in_texts([sentence], [text], "x.jsonl")
    >>> one.gold, one.predicted
    (('B-person', 'O', 'B-misc', 'I-misc'), ('O', 'O', 'B-city', 'O'))
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from gner_core.corpora.recognition import recognise
from gner_core.corpora.recognition.files import plain_name
from gner_core.corpora.splits import stream_any_split
from gner_core.errors import InputError, other_form
from gner_core.records import Sentence, Span, tags_of
from gner_core.scoring.entity_lines import ListedEntity, ListedText, read_texts
from gner_core.scoring.scored import Scored, score_tagged
from gner_core.systems.strings import without_overlaps
from gner_core.type_names import type_key

SHOWN = 60
"""Characters of a word that a message repeats."""
_SIGN = re.compile(r"\S")


class Notes(NamedTuple):
    """What reading a file changed, by kind, and what is doubtful about it."""

    file: Path
    repairs: Counter[str]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class OwnFile:
    """The sentences of a user's file, and label in the file → type in the sentences."""

    sentences: list[Sentence]
    types: dict[str, str]
    as_written: list[Sentence]
    """The sentences with the labels of the file, of which several may be one type."""
    notes: Notes

    def plain(self, name: str) -> str:
        """Return the type that a label of the file stands for, however it is written; or `name`."""
        by_key = {type_key(label): kind for label, kind in self.types.items()}
        return self.types.get(name) or by_key.get(type_key(name), name)


def read_own(file: Path) -> OwnFile:
    """Read a file of tagged sentences in any format that is recognised.

    Raises:
        InputError: when it is not recognised, or a line is faulty.
    """
    found = recognise(file.parent, {"train": (file.name,)}, name=plain_name(file.stem))
    if not found.splits:
        raise InputError("; ".join(found.problems))
    labels, repairs = found.params.labels, Counter[str]()
    params = found.params.model_copy(update={"labels": "open"})
    tagged = stream_any_split(
        found.name, params, split="train", folder=file.parent, repairs=repairs
    )
    as_written = list(tagged)
    notes = Notes(file, repairs, tuple(found.problems))
    if labels == "open":
        return OwnFile(as_written, {}, as_written, notes)
    types = tuple(dict.fromkeys(labels.values()))
    renamed = (_relabelled(one, lambda label: labels.get(label, label)) for one in as_written)
    sentences = [replace(one, types=types) for one in renamed]
    return OwnFile(sentences, dict(labels), as_written, notes)


def _relabelled(sentence: Sentence, named: Callable[[str], str]) -> Sentence:
    """Return a sentence with other labels."""

    def written(tag: str) -> str:
        return tag if tag == "O" else f"{tag[:2]}{named(tag[2:])}"

    return replace(sentence, tags=tuple(map(written, sentence.tags)))


class Pair(NamedTuple):
    """Gold sentences with the predictions for them, and notes on the files they were read from."""

    scored: Iterator[Scored]
    notes: list[Notes]


def read_pair(gold: Path, predicted: Path) -> Pair:
    """Return the gold sentences with the predictions for them, and labels as the gold has them.

    A predicted label that is the plain name of a gold label, as `person` or `Person` of `PER`,
    counts as that.

    Raises:
        InputError: for a file that cannot be read, and where the two differ in their words.
    """
    own = read_own(gold)
    sentences = [replace(one, corpus=gold.stem) for one in own.as_written]
    named = _as_in_gold(own.types)
    texts = read_texts(predicted, named)
    if texts is not None:
        return Pair(_in_texts(sentences, texts, str(predicted)), [own.notes])
    other = read_own(predicted)
    written = [_relabelled(one, named) for one in other.as_written]
    return Pair(_by_sentence(sentences, written, str(predicted)), [own.notes, other.notes])


def _as_in_gold(types: Mapping[str, str]) -> Callable[[str], str]:
    """Return what gives a predicted label the form of the gold's labels, which have these types."""
    names = {type_key(name): label for label, name in types.items()}
    labels = {**names, **{type_key(label): label for label in types}}

    def named(label: str) -> str:
        label = normalize("NFC", label)
        return label if label in types else labels.get(type_key(label), label)

    return named


def _by_sentence(
    gold: Sequence[Sentence], predicted: Sequence[Sentence], file: str
) -> Iterator[Scored]:
    for number, (one, other) in enumerate(zip_longest(gold, predicted), start=1):
        if one is None or other is None:
            raise InputError(f"{file}: {len(predicted):,} sentences, the gold has {len(gold):,}")
        if one.words != other.words:
            pairs = enumerate(zip_longest(one.words, other.words, fillvalue=""), start=1)
            at, (wanted, found) = next((n, pair) for n, pair in pairs if pair[0] != pair[1])
            raise InputError(
                f"{file}: sentence {number}, word {at} is {found[:SHOWN]!r}, in the gold "
                f"{wanted[:SHOWN]!r}{other_form(found, wanted)}"
            )
        yield score_tagged(one, other.tags, beside=())


class _Located:
    """A text whose entities are found by where they begin."""

    def __init__(self, listed: ListedText) -> None:
        self.text = listed.text
        self.begun: dict[int, list[ListedEntity]] = defaultdict(list)
        for entity in listed.entities:
            self.begun[entity.start].append(entity)
        self._bounds = sorted({bound for e in listed.entities for bound in (e.start, e.end)})

    def edges(self, start: int, end: int) -> list[int]:
        """Return the bounds of a word and those of entities inside it."""
        inside = slice(bisect_right(self._bounds, start), bisect_left(self._bounds, end))
        return [start, *self._bounds[inside], end]


def _in_texts(
    sentences: Sequence[Sentence], texts: Sequence[ListedText], file: str
) -> Iterator[Scored]:
    """Yield sentences whose words follow one another in texts; a text may hold several sentences."""
    located = [_Located(text) for text in texts]
    number = at = 0
    for position, sentence in enumerate(sentences, start=1):
        pieces: list[_Piece] = []
        gold: list[str] = []
        for word, tag in zip(sentence.words, sentence.tags, strict=True):
            while number < len(texts) and not _SIGN.search(texts[number].text, at):
                number, at = number + 1, 0
            text = located[number] if number < len(texts) else _Located(ListedText("", []))
            sign = _SIGN.search(text.text, at)
            start = sign.start() if sign else at
            if not text.text.startswith(word, start):
                raise InputError(
                    f"{file}: text {number + 1} goes on with {text.text[start : start + 30]!r} where "
                    f"sentence {position} of the gold has the word {word[:SHOWN]!r}"
                    f"{_other_form(text.text[start:], word)}"
                )
            at = start + len(word)
            for low, high in pairwise(text.edges(start, at)):
                pieces.append(_Piece(text, low, high))
                gold.append(tag if low == start or tag == "O" else f"I{tag[1:]}")
        words = tuple(one.text.text[one.start : one.end] for one in pieces)
        yield _with_spans(replace(sentence, words=words, tags=tuple(gold)), _spans(pieces))
    for one in texts[number:]:
        if rest := one.text[at:].strip():
            raise InputError(f"{file}: {rest[:30]!r} is behind the last sentence of the gold")
        at = 0


class _Piece(NamedTuple):
    """A word, or a part of it in which no entity begins or ends: characters of a text."""

    text: _Located
    start: int
    end: int


def _spans(pieces: Sequence[_Piece]) -> list[Span]:
    """Return the entities that begin in a sentence; one that goes on behind it ends there."""
    ends = {(id(one.text), one.end): position for position, one in enumerate(pieces, start=1)}
    return [
        Span(position, ends.get((id(one.text), entity.end), len(pieces) + 1), entity.label)
        for position, one in enumerate(pieces)
        for entity in one.text.begun.get(one.start, ())
    ]


def _with_spans(sentence: Sentence, spans: Sequence[Span]) -> Scored:
    """Return a sentence with predicted entities, of which the longest give the tags."""
    size = len(sentence.words)
    kept = without_overlaps(span for span in spans if span.end <= size)
    beside = [span for span in spans if span not in kept]
    return score_tagged(sentence, tags_of(kept, size), beside)


def _other_form(text: str, word: str) -> str:
    """Return the end of a message on a text that goes on with a word in another normal form."""
    known = normalize("NFC", word)
    for size in range(len(known), 3 * len(known) + 1):
        if normalize("NFC", text[:size]) == known:
            return other_form(text[:size], word)
    return ""
