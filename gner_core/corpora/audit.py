"""Looks for what makes scores look better or worse than they are: repeats, leaks and label noise.

Within a corpus: sentences that repeat within a split, sentences of one split that stand in
another, and sentences that occur with different tags. Across corpora: zero-shot types that the
training data name, too. Two sentences are the same when their words are equal.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

from gner_core.config.corpus import Split
from gner_core.records import Sentence

PAIRS: tuple[tuple[Split, Split], ...] = (
    ("train", "valid"),
    ("train", "test"),
    ("valid", "test"),
)
EXAMPLES = 3  # shown per finding


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Sentences of a split that repeat an earlier one of it."""

    split: Split
    sentences: int
    repeated: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Sentences of the later split that stand in the earlier one, too."""

    earlier: Split
    later: Split
    sentences: int
    shared: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Noise:
    """Texts that occur more than once in the corpus, and those that do so with different tags."""

    repeated_texts: int
    differing: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CorpusAudit:
    """All findings in one corpus."""

    corpus: str
    duplicates: tuple[Duplicates, ...]
    overlaps: tuple[Overlap, ...]
    noise: Noise

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def audit_corpus(name: str, splits: Mapping[Split, Iterable[Sentence]]) -> CorpusAudit:
    """Return the findings in one corpus; each split is read once.

    Of a sentence only hashes of its words and tags are kept: 32 bytes and some overhead each.
    """
    texts: dict[Split, Counter[bytes]] = {}
    duplicates: list[Duplicates] = []
    overlaps: list[Overlap] = []
    seen: dict[bytes, _Seen] = {}
    for split in sorted(splits, key=("train", "valid", "test").index):
        counts: Counter[bytes] = Counter()
        shared = {earlier: 0 for earlier, later in PAIRS if later == split and earlier in texts}
        examples: dict[str, list[str]] = {key: [] for key in ("repeated", *shared)}
        for sentence in splits[split]:
            text = _digest(sentence.words)
            if counts[text]:
                _note(examples["repeated"], sentence)
            counts[text] += 1
            for earlier in shared:
                if text in texts[earlier]:
                    shared[earlier] += 1
                    _note(examples[earlier], sentence)
            seen.setdefault(text, _Seen()).add(sentence)
        texts[split] = counts
        total = counts.total()
        repeats = total - len(counts)
        duplicates.append(Duplicates(split, total, repeats, tuple(examples["repeated"])))
        overlaps += [
            Overlap(earlier, split, total, number, tuple(examples[earlier]))
            for earlier, number in shared.items()
        ]
    return CorpusAudit(name, tuple(duplicates), tuple(overlaps), _noise(seen.values()))


def shared_types(
    asked: Mapping[str, Iterable[str]], trained: Mapping[str, Iterable[str]]
) -> dict[str, dict[str, list[str]]]:
    """Return zero-shot corpus → type → the training corpora that know the type.

    Upper and lower case count as equal.

    Args:
        asked: zero-shot corpus → its types.
        trained: training corpus → the types in its training sentences.
    """
    known: dict[str, list[str]] = {}
    for corpus, labels in trained.items():
        for label in {label.casefold() for label in labels}:
            known.setdefault(label, []).append(corpus)
    return {
        corpus: {label: known[label.casefold()] for label in labels if label.casefold() in known}
        for corpus, labels in asked.items()
    }


class _Seen:
    """How often a text occurs, and with which tags."""

    __slots__ = ("differs", "example", "tags", "times")

    def __init__(self) -> None:
        self.times = 0
        self.tags = b""
        self.differs = False
        self.example = ""

    def add(self, sentence: Sentence) -> None:
        tags = _digest(sentence.tags)
        self.times += 1
        if self.times == 1:
            self.tags = tags
        elif tags != self.tags:
            self.differs = True
            self.example = " ".join(sentence.words)


def _noise(seen: Iterable[_Seen]) -> Noise:
    repeated = [text for text in seen if text.times > 1]
    differing = [text.example for text in repeated if text.differs]
    return Noise(len(repeated), len(differing), tuple(differing[:EXAMPLES]))


def _note(examples: list[str], sentence: Sentence) -> None:
    if len(examples) < EXAMPLES:
        examples.append(" ".join(sentence.words))


def _digest(parts: Iterable[str]) -> bytes:
    return blake2b("\0".join(parts).encode(), digest_size=16).digest()
