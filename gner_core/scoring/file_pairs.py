"""Reads gold sentences from one file and predictions for them from another.

The predictions are tagged words, in any format that `gner data check` recognises, or what
`gner predict --format json` prints: texts with entities in characters. The words of the sentences
are then looked up in the texts. A word is cut where a predicted entity begins or ends in it, so
that entities with other bounds than the gold ones stay other entities.

Example:
    >>> text = _Text("Ada of Paris-based", [_Entity(7, 12, "city")])
    >>> sentence = Sentence("", "", ("Ada", "of", "Paris-based"), ("B-person", "O", "B-misc"), ())
    >>> list(_in_texts([sentence], [text], "x.jsonl"))[0][1:]
    (('B-person', 'O', 'B-misc', 'I-misc'), ('O', 'O', 'B-city', 'O'))
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import NamedTuple

import msgspec

from gner_core.corpora.readers.json.records import decode
from gner_core.corpora.readers.raw import text_lines
from gner_core.corpora.recognition import recognise
from gner_core.corpora.recognition.files import plain_name
from gner_core.corpora.splits import stream_any_split
from gner_core.errors import InputError
from gner_core.records import Prediction, Sentence


class _Entity(msgspec.Struct):
    start: int
    end: int
    label: str


class _Text(msgspec.Struct):
    text: str
    entities: list[_Entity]


class _Tagged(NamedTuple):
    """A sentence whose words carry gold and predicted tags."""

    words: tuple[str, ...]
    gold: tuple[str, ...]
    predicted: tuple[str, ...]


@dataclass(frozen=True)
class OwnFile:
    """The sentences of a user's file, and label in the file → type in the sentences."""

    sentences: list[Sentence]
    types: dict[str, str]

    def as_written(self) -> list[Sentence]:
        """Return the sentences with the labels of the file."""
        labels = {name: label for label, name in self.types.items()}

        def written(tag: str) -> str:
            return tag if tag == "O" else f"{tag[:2]}{labels.get(tag[2:], tag[2:])}"

        return [replace(one, tags=tuple(map(written, one.tags))) for one in self.sentences]


def read_own(file: Path) -> OwnFile:
    """Read a file of tagged sentences in any format that is recognised.

    Raises:
        InputError: when it is not recognised, or a line is faulty.
    """
    found = recognise(file.parent, {"train": (file.name,)}, name=plain_name(file.stem))
    if not found.splits:
        raise InputError("; ".join(found.problems))
    labels = found.params.labels
    sentences = stream_any_split(
        found.name, found.params, split="train", folder=file.parent, repairs=Counter()
    )
    return OwnFile(list(sentences), {} if labels == "open" else dict(labels))


def read_pair(gold: Path, predicted: Path) -> Iterator[Prediction]:
    """Yield the gold sentences with the predictions for them, and labels as the files have them.

    Raises:
        InputError: for a file that cannot be read, and where the two differ in their words.
    """
    own = read_own(gold)
    sentences = own.as_written()
    texts = _texts(predicted, own.types)
    if texts is None:
        tagged = _by_sentence(sentences, read_own(predicted).as_written(), str(predicted))
    else:
        tagged = _in_texts(sentences, texts, str(predicted))
    for sentence, one in zip(sentences, tagged, strict=True):
        types = tuple(sorted({tag[2:] for tag in (*one.gold, *one.predicted) if tag != "O"}))
        text = " ".join(one.words)
        yield Prediction(
            sentence.id, gold.stem, one.words, one.gold, types, text, True, None, one.predicted
        )


def _texts(file: Path, types: dict[str, str]) -> list[_Text] | None:
    """Return the texts that `gner predict` printed; None for a file of another kind."""
    labels = {name: label for label, name in types.items() if name not in types}
    texts: list[_Text] = []
    for number, line in text_lines(file):
        if not line.strip():
            continue
        try:
            text = msgspec.convert(decode(line), _Text)
        except (ValueError, RecursionError) as error:
            if not texts:
                return None
            raise InputError(
                f"{file}, line {number}: not a line of gner predict: {error}"
            ) from None
        for entity in text.entities:
            entity.label = labels.get(entity.label, entity.label)
        texts.append(text)
    return texts


def _by_sentence(
    gold: Sequence[Sentence], predicted: Sequence[Sentence], file: str
) -> Iterator[_Tagged]:
    for number, (one, other) in enumerate(zip_longest(gold, predicted), start=1):
        if one is None or other is None:
            raise InputError(f"{file}: {len(predicted):,} sentences, the gold has {len(gold):,}")
        if one.words != other.words:
            pairs = enumerate(zip_longest(one.words, other.words, fillvalue=""), start=1)
            at, (wanted, found) = next((n, pair) for n, pair in pairs if pair[0] != pair[1])
            raise InputError(
                f"{file}: sentence {number}, word {at} is {found[:60]!r}, in the gold {wanted[:60]!r}"
            )
        yield _Tagged(one.words, one.tags, other.tags)


def _in_texts(
    sentences: Sequence[Sentence], texts: Sequence[_Text], file: str
) -> Iterator[_Tagged]:
    """Yield sentences whose words follow one another in texts; a text may hold several sentences."""
    number = at = 0
    for position, sentence in enumerate(sentences, start=1):
        words: list[str] = []
        gold: list[str] = []
        predicted: list[str] = []
        inside = None
        for word, tag in zip(sentence.words, sentence.tags, strict=True):
            while number < len(texts) and not texts[number].text[at:].strip():
                number, at = number + 1, 0
            text = texts[number] if number < len(texts) else _Text("", [])
            start = len(text.text) - len(text.text[at:].lstrip())
            if not text.text.startswith(word, start):
                raise InputError(
                    f"{file}: text {number + 1} goes on with {text.text[start : start + 30]!r} where "
                    f"sentence {position} of the gold has the word {word[:60]!r}"
                )
            at = start + len(word)
            for low, high in pairwise(_edges(text, start, at)):
                entity = next((e for e in text.entities if e.start <= low and high <= e.end), None)
                prefix = "I" if entity is inside else "B"
                inside = entity
                words.append(text.text[low:high])
                gold.append(tag if low == start or tag == "O" else f"I{tag[1:]}")
                predicted.append(f"{prefix}-{entity.label}" if entity else "O")
        yield _Tagged(tuple(words), tuple(gold), tuple(predicted))
    for text in texts[number:]:
        if rest := text.text[at:].strip():
            raise InputError(f"{file}: {rest[:30]!r} is behind the last sentence of the gold")
        at = 0


def _edges(text: _Text, start: int, end: int) -> list[int]:
    """Return the bounds of a word and those of entities inside it."""
    bounds = {bound for e in text.entities for bound in (e.start, e.end) if start < bound < end}
    return sorted({start, end, *bounds})
