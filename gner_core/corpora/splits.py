"""All splits of a corpus: those that have files, and those that are made from them.

Owns the rules `taken_out` and `same_as` (`CorpusParams.made`). Does not own reading a file
(`prepare`) or drawing the sample of an experiment (`sampling`).

Example:
    for split, sentences, repairs in read_corpus("mit-movie", params, folder=Path("data")):
        print(split, len(sentences), dict(repairs))
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from gner_core.corpora.prepare import read_split
from gner_core.corpus_params import CorpusParams, SameAs, Split
from gner_core.errors import InputError
from gner_core.records import Sentence


def read_corpus(
    name: str, params: CorpusParams, *, folder: Path
) -> Iterator[tuple[Split, list[Sentence], Counter[str]]]:
    """Yield every split of a corpus with its sentences and the repairs of its files.

    A split that another one is made from is held in memory until both are yielded; all others are
    read one after the other.

    Raises:
        InputError: for a fault in a file, and for a split too small to take sentences out of it.
    """
    for split in params.files:
        repairs: Counter[str] = Counter()
        sentences = read_split(name, params, split=split, folder=folder, repairs=repairs)
        for made, rule in params.made.items():
            if rule.of != split:
                continue
            if isinstance(rule, SameAs):
                taken = sentences
            else:
                where = f"{name}: {made}"
                taken, sentences = take_out(sentences, rule.sentences, seed=rule.seed, where=where)
            yield made, _renamed(taken, name, made), Counter()
        yield split, sentences, repairs


def take_out(
    sentences: Sequence[Sentence], number: int, *, seed: int, where: str
) -> tuple[list[Sentence], list[Sentence]]:
    """Return (`number` sentences drawn, the rest), both in the order of the corpus.

    Texts are ranked by a hash of seed and words, so the draw depends neither on the order of the
    sentences nor on a library. Sentences of equal text go to the same side.

    Raises:
        InputError: when there are not more sentences than `number`.
    """
    if number >= len(sentences):
        raise InputError(f"{where}: {number} of {len(sentences)} sentences cannot be taken out")
    copies: Counter[bytes] = Counter(_rank(sentence, seed) for sentence in sentences)
    chosen: set[bytes] = set()
    left = number
    for rank in sorted(copies):
        if copies[rank] <= left:
            chosen.add(rank)
            left -= copies[rank]
        if not left:
            break
    taken = [sentence for sentence in sentences if _rank(sentence, seed) in chosen]
    rest = [sentence for sentence in sentences if _rank(sentence, seed) not in chosen]
    return taken, rest


def _rank(sentence: Sentence, seed: int) -> bytes:
    return blake2b("\0".join((str(seed), *sentence.words)).encode(), digest_size=16).digest()


def _renamed(sentences: Sequence[Sentence], name: str, split: Split) -> list[Sentence]:
    return [replace(s, id=f"{name}/{split}/{number}") for number, s in enumerate(sentences)]
