"""Finds what biases scores: repeated sentences, leaks between splits, label noise.

Within a corpus: sentences that repeat within a split, occur in two splits, or have different tags.
Across corpora: zero-shot types that also occur in training data. Two sentences are the same when
their words are equal.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

from gner_core.config.corpus import Split
from gner_core.records import Sentence

EXAMPLES = 3  # shown per finding


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Sentences that repeat an earlier one of their split."""

    split: Split
    sentences: int
    repeated: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Sentences of the later split that the earlier one holds too."""

    earlier: Split
    later: Split
    sentences: int
    shared: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Noise:
    """Texts that occur more than once in the corpus, and those with different tags."""

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


def audit_corpus(name: str, splits: Mapping[Split, Iterable[Sentence]]) -> CorpusAudit:
    """Return the findings in one corpus; each split is read once.

    Of a sentence only hashes of its words and tags are kept: 32 bytes and some overhead each.
    """
    texts: dict[Split, Counter[bytes]] = {}
    duplicates: list[Duplicates] = []
    overlaps: list[Overlap] = []
    tags: dict[bytes, bytes] = {}  # of the first sentence of each text
    differing: dict[bytes, str] = {}
    for split in sorted(splits, key=("train", "valid", "test").index):
        counts: Counter[bytes] = Counter()
        shared = dict.fromkeys(texts, 0)
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
            tagged = _digest(sentence.tags)
            if tags.setdefault(text, tagged) != tagged:
                differing[text] = " ".join(sentence.words)
        texts[split] = counts
        total = counts.total()
        repeats = total - len(counts)
        duplicates.append(Duplicates(split, total, repeats, tuple(examples["repeated"])))
        overlaps += [
            Overlap(earlier, split, total, number, tuple(examples[earlier]))
            for earlier, number in shared.items()
        ]
    repeated = sum(times > 1 for times in sum(texts.values(), Counter()).values())
    noise = Noise(repeated, len(differing), tuple(islice(differing.values(), EXAMPLES)))
    return CorpusAudit(name, tuple(duplicates), tuple(overlaps), noise)


def shared_types(
    tested: Mapping[str, Iterable[str]], trained: Mapping[str, Iterable[str]]
) -> dict[str, dict[str, list[str]]]:
    """Return zero-shot corpus → type → the training corpora with that type, in any case.

    Args:
        tested: zero-shot corpus → its types.
        trained: training corpus → the types in its training sentences.
    """
    known: dict[str, list[str]] = {}
    for corpus, labels in trained.items():
        for label in {label.casefold() for label in labels}:
            known.setdefault(label, []).append(corpus)
    return {
        corpus: {label: known[label.casefold()] for label in labels if label.casefold() in known}
        for corpus, labels in tested.items()
    }


def _note(examples: list[str], sentence: Sentence) -> None:
    if len(examples) < EXAMPLES:
        examples.append(" ".join(sentence.words))


def _digest(parts: Iterable[str]) -> bytes:
    return blake2b("\0".join(parts).encode(), digest_size=16).digest()
