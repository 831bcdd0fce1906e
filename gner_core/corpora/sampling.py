"""Chooses up to N sentences of a corpus, the same ones on every machine.

The paper draws 10,000 at random from each corpus and takes smaller ones whole (§5.1); the
published code takes the first ones. The random draw ranks sentences by a hash of seed and
content, so it does not depend on the order of files or on a library's random numbers.

Example:
    chosen = choose(sentences, per_corpus=10_000, method="random", seed=1)
"""

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Literal

from gner_core.records import Sentence


def choose(
    sentences: Sequence[Sentence],
    *,
    per_corpus: int,
    method: Literal["random", "first"],
    seed: int,
) -> list[Sentence]:
    """Return at most `per_corpus` sentences of one corpus, in the corpus' own order."""
    if len(sentences) <= per_corpus:
        return list(sentences)
    if method == "first":
        return list(sentences[:per_corpus])
    seen: Counter[bytes] = Counter()
    ranks: list[tuple[bytes, int]] = []
    for position, sentence in enumerate(sentences):
        content = "\0".join((str(seed), *sentence.words, "", *sentence.tags)).encode()
        seen[content] += 1  # equal sentences get different ranks
        digest = blake2b(content + b"\0%d" % seen[content], digest_size=16).digest()
        ranks.append((digest, position))
    return [sentences[position] for position in sorted(p for _, p in sorted(ranks)[:per_corpus])]
