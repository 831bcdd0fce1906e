"""All splits of a corpus: those that have files, and those that are made from them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from gner_core.config.corpus import CorpusParams, SameAs, Split, TakenOut
from gner_core.corpora.prepare import stream_split
from gner_core.errors import InputError
from gner_core.records import Sentence


def stream_any_split(
    name: str, params: CorpusParams, *, split: Split, folder: Path, repairs: Counter[str]
) -> Iterator[Sentence]:
    """Yield the sentences of a split, whether it has files or is made from another one.

    A split from which another one is drawn is held in memory.

    Args:
        name: the corpus' name, used in ids.
        folder: where the files of `params` are.
        repairs: counts what was mended in the split's own files, by kind; nothing for a made one,
            whose sentences are counted in the split that they come from.

    Raises:
        InputError: for a fault in a file, and for a split too small to take sentences out of it.
    """
    rule = params.made.get(split)
    if isinstance(rule, SameAs):
        same = stream_any_split(name, params, split=rule.of, folder=folder, repairs=Counter())
        yield from _renamed(same, name, split)
    elif rule:
        parts = _parts(name, params, of=rule.of, folder=folder, repairs=Counter())
        yield from _renamed(parts[split], name, split)
    elif any(isinstance(r, TakenOut) and r.of == split for r in params.made.values()):
        yield from _parts(name, params, of=split, folder=folder, repairs=repairs)[split]
    else:
        yield from stream_split(name, params, split=split, folder=folder, repairs=repairs)


def take_out(
    sentences: Sequence[Sentence], number: int, *, seed: int, where: str
) -> tuple[list[Sentence], list[Sentence]]:
    """Return (`number` sentences drawn, the rest), both in the order of the corpus.

    Texts are ranked by a hash of seed and words, so the draw depends neither on the order of the
    sentences nor on a library. Sentences of equal text go to the same side.

    Raises:
        InputError: when that leaves nothing, or equal sentences do not add up to `number`.
    """
    ranks = [rank(sentence.words, seed) for sentence in sentences]
    chosen = draw_ranks(ranks, number)
    drawn = sum(place in chosen for place in ranks)
    if drawn < number or drawn == len(ranks):
        raise InputError(
            f"{where}: {number} of {len(sentences)} sentences cannot be taken out; "
            "lower made.….sentences"
        )
    taken = [s for s, place in zip(sentences, ranks, strict=True) if place in chosen]
    rest = [s for s, place in zip(sentences, ranks, strict=True) if place not in chosen]
    return taken, rest


def draw_ranks(ranks: Sequence[bytes], number: int) -> set[bytes]:
    """Return the ranks of `number` sentences, or of fewer where equal ones do not add up to it."""
    copies = Counter(ranks)
    chosen: set[bytes] = set()
    left = number
    for one in sorted(copies):
        if copies[one] <= left:
            chosen.add(one)
            left -= copies[one]
    return chosen


def rank(words: Sequence[str], seed: int) -> bytes:
    """Return a hash of a sentence's words, by which texts are drawn."""
    return blake2b("\0".join((str(seed), *words)).encode(), digest_size=16).digest()


def _parts(
    name: str, params: CorpusParams, *, of: Split, folder: Path, repairs: Counter[str]
) -> dict[Split, list[Sentence]]:
    """Return the splits that are drawn from a split, and what remains of it."""
    rest = list(stream_split(name, params, split=of, folder=folder, repairs=repairs))
    parts: dict[Split, list[Sentence]] = {}
    for split in params.splits:
        rule = params.made.get(split)
        if isinstance(rule, TakenOut) and rule.of == of:
            where = f"{name}: {split}"
            parts[split], rest = take_out(rest, rule.sentences, seed=rule.seed, where=where)
    return {**parts, of: rest}


def _renamed(sentences: Iterable[Sentence], name: str, split: Split) -> Iterator[Sentence]:
    for number, sentence in enumerate(sentences):
        yield replace(sentence, id=f"{name}/{split}/{number}")
