"""Draws up to N sentences of a corpus, the same ones on every machine.

The paper draws 10,000 at random from each corpus and takes smaller ones whole (§5.1); the
published code takes the first ones. The random draw ranks sentences by a hash of seed and content,
so it depends neither on the order of files nor on a library's random numbers. A corpus is read in
batches.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from gner_core.records import ROW_GROUP, Sentence, sentences_of

Hashes = npt.NDArray[np.uint64]

BASE = np.uint64(0x9E3779B97F4A7C15)
"""Odd number whose powers tell positions apart."""
INVERSE = np.uint64(pow(int(BASE), -1, 2**64))
"""BASE · INVERSE is 1 modulo 2^64."""
COLUMNS = ("words.list.element", "tags.list.element", "types.list.element")
"""Read as numbers of a dictionary: four times faster than as texts."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The sentences that were drawn, of how many, and how: `all` where there were not more."""

    sentences: list[Sentence]
    of: int
    method: Literal["all", "random", "first"]


def draw(path: Path, *, per_corpus: int, method: Literal["random", "first"], seed: int) -> Sample:
    """Return at most `per_corpus` sentences of a Parquet file of sentences, in its request.

    Args:
        method: `random` by hash of seed and content, `first` as in the published code.
    """
    with pq.ParquetFile(path, read_dictionary=COLUMNS) as file:
        total = file.metadata.num_rows
        if total <= per_corpus or method == "first":
            batches = file.iter_batches(batch_size=ROW_GROUP)
            chosen = _rows(batches, np.arange(min(total, per_corpus)))
            return Sample(chosen, total, "all" if total <= per_corpus else "first")
        batches = file.iter_batches(batch_size=ROW_GROUP, columns=["words", "tags"])
        ranks = _ranks(batches, seed)
        lowest = np.lexsort((np.arange(total), ranks))[:per_corpus]
        chosen = _rows(file.iter_batches(batch_size=ROW_GROUP), np.sort(lowest))
        return Sample(chosen, total, "random")


def _ranks(batches: Iterator[pa.RecordBatch], seed: int) -> Hashes:
    """Return a rank per row; copies of a sentence get independent ranks."""
    salt = seed.to_bytes(16, "little", signed=True)

    @cache
    def hash_of(text: str) -> int:
        return int.from_bytes(blake2b(text.encode(), digest_size=8, salt=salt).digest(), "little")

    parts = []
    for batch in batches:
        words, tags = (_list_hashes(batch.column(name), hash_of) for name in ("words", "tags"))
        parts.append(_mixed(words + _mixed(tags)))
    ranks = np.concatenate(parts)
    order = np.argsort(ranks, kind="stable")
    positions = np.arange(len(ranks))
    is_new = np.diff(ranks[order], prepend=ranks[order][:1] + np.uint64(1)) != 0
    copies = np.empty(len(ranks), dtype=np.uint64)
    copies[order] = positions - np.maximum.accumulate(np.where(is_new, positions, 0))
    return _mixed(ranks + copies * BASE)


def _list_hashes(column: pa.ListArray, hash_of: Callable[[str], int]) -> Hashes:
    """Return a hash of each list of texts: the sum of the texts' hashes times BASE^position."""
    values = column.flatten()
    hashes = np.array([hash_of(text) for text in values.dictionary.to_pylist()], dtype=np.uint64)
    ends = column.value_lengths().to_numpy().cumsum()
    starts = np.concatenate(([0], ends[:-1]))
    # Positions count from the start of the batch; dividing by BASE^start makes them the list's own.
    size = 1 << len(values).bit_length()
    terms = hashes[values.indices.to_numpy()] * _powers(BASE, size)[: len(values)]
    sums = np.zeros(len(values) + 1, dtype=np.uint64)
    terms.cumsum(out=sums[1:])
    hashed: Hashes = (sums[ends] - sums[starts]) * _powers(INVERSE, size)[starts]
    return hashed


@lru_cache(maxsize=8)
def _powers(base: np.uint64, count: int) -> Hashes:
    """Return base^0, base^1 … modulo 2^64."""
    factors = np.full(count, base)
    factors[0] = 1
    return factors.cumprod()


def _mixed(values: Hashes) -> Hashes:
    """Spread numbers over 64 bits (the finaliser of SplitMix64; multiplication wraps around)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _rows(batches: Iterator[pa.RecordBatch], positions: npt.NDArray[np.int64]) -> list[Sentence]:
    """Return the rows at `positions`, which ascend."""
    found: list[Sentence] = []
    start = 0
    for batch in batches:
        if len(found) == len(positions):
            break
        low, high = np.searchsorted(positions, [start, start + batch.num_rows])
        if low < high:
            found += sentences_of(batch.take(pa.array(positions[low:high] - start)))
        start += batch.num_rows
    return found
