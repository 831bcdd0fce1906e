"""Times matching as Table 5 of the paper does: by sentence length, against plain dynamic programming.

Only alignment is timed; texts are read and words back-tokenised before. The plain algorithm is the
textbook one, O(N²) in time and memory.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gner_core.corpora.prepare import PACKAGED
from gner_core.errors import InputError
from gner_core.matching.contextual import align_in_context
from gner_core.matching.paper import align, needs_lcs
from gner_core.records import published_spans, tags_of
from gner_core.scoring.prediction_files import read_predictions_of
from gner_core.systems.gner.published import read_published

BINS = ((0, 60), (60, 100), (100, 200))
"""Words of the sentence, from and below (Table 5)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence and what was written for it."""

    source: tuple[str, ...]
    generated: list[str]
    tags: Sequence[str]


def read_pairs(path: Path) -> list[Pair]:
    """Return the pairs of a file of predictions, read as the published code does.

    Raises:
        InputError: for a fault in the file, and for one without predictions.
    """
    pairs: list[Pair] = []
    for prediction in read_predictions_of(path):
        read = read_published(prediction.text, prediction.types)
        tags = tags_of(published_spans(read.tags), len(read.tags))
        pairs.append(Pair(prediction.words, read.words, tags))
    if not pairs:
        raise InputError(f"{path}: holds no prediction")
    return pairs


def made_pairs(*, per_bin: int, seed: int) -> list[Pair]:
    """Return copies of demo sentences, joined to the length of each bin, every tenth with faults.

    In the published outputs one text in eleven needs the longest common subsequence.
    """
    draw = random.Random(seed)
    sentences = [
        [tuple(line.split("\t")) for line in block.splitlines()]
        for file in sorted(PACKAGED.glob("*.tsv"))
        for block in file.read_text(encoding="utf-8").split("\n\n")
        if block.strip()
    ]
    pairs = []
    for low, high in BINS:
        for number in range(per_bin):
            wanted = draw.randrange(max(low, 10), high)
            rows: list[tuple[str, ...]] = []
            while len(rows) < wanted:
                rows += draw.choice(sentences)
            rows = rows[:wanted]
            written = _with_faults(rows, draw) if number % 10 == 0 else rows
            tags = tags_of(published_spans([row[1] for row in written]), len(written))
            source = tuple(row[0] for row in rows)
            pairs.append(Pair(source, [row[0] for row in written], tags))
    return pairs


def _with_faults(rows: list[tuple[str, ...]], draw: random.Random) -> list[tuple[str, ...]]:
    """Return words with one to three of them omitted, written twice or misspelt (Table 9)."""
    written = list(rows)
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(written))
        word, tag = written[at]
        faults: list[list[tuple[str, ...]]]
        faults = [[], [(word, tag)] * 2, [(f"{word[:-1]}x,", tag)]]
        written[at : at + 1] = draw.choice(faults)
    return written


@dataclass(frozen=True, slots=True)
class Row:
    """Microseconds a pair in one bin.

    `which` is "all", or "LCS": pairs that are neither equal nor one a subsequence of the other.
    """

    low: int
    high: int
    which: str
    pairs: int
    plain: float
    paper: float
    gner: float


def bench(pairs: Sequence[Pair], *, back: Mapping[str, str], seconds: float) -> list[Row]:
    """Return the times of each bin that holds pairs; each cell is repeated for `seconds`."""
    rows = []
    for low, high in BINS:
        inside = [pair for pair in pairs if low <= len(pair.source) < high]
        hard = [pair for pair in inside if needs_lcs(pair.source, pair.generated, back=back)]
        for which, chosen in (("all", inside), ("LCS", hard)):
            if chosen:
                plain, paper, gner = (
                    _time(work, chosen, back, seconds)
                    for work in (plain_align, align, align_in_context)
                )
                rows.append(Row(low, high, which, len(chosen), plain, paper, gner))
    return rows


def _time(
    work: Callable[..., object], pairs: Sequence[Pair], back: Mapping[str, str], seconds: float
) -> float:
    """Return the microseconds a pair of the fastest pass over all pairs."""
    best = float("inf")
    end = time.perf_counter() + seconds
    while True:
        started = time.perf_counter()
        for pair in pairs:
            work(pair.source, pair.generated, pair.tags, back=back)
        best = min(best, time.perf_counter() - started)
        if time.perf_counter() >= end:
            return 1e6 * best / len(pairs)


def plain_align(
    source: Sequence[str],
    generated: Sequence[str],
    tags: Sequence[str],
    *,
    back: Mapping[str, str],
) -> tuple[str, ...]:
    """Align by the textbook programme over the whole table, the paper's point of comparison."""
    wanted = [back.get(word, word) for word in map(str.lower, source)]
    written = [word.lower() for word in generated]
    table = [[0] * (len(written) + 1) for _ in range(len(wanted) + 1)]
    for i, word in enumerate(wanted, start=1):
        for j, other in enumerate(written, start=1):
            if word == other:
                table[i][j] = table[i - 1][j - 1] + 1
            else:
                table[i][j] = max(table[i - 1][j], table[i][j - 1])
    result = ["O"] * len(wanted)
    i, j = len(wanted), len(written)
    while i and j:
        if wanted[i - 1] == written[j - 1]:
            i, j = i - 1, j - 1
            result[i] = tags[j]
        elif table[i - 1][j] >= table[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return tuple(result)
