"""The instruction of the paper (Fig. 5) and the choice and order of the types in it (§4.2).

The wording is that of the published data, which leaves out the figure's headings: released
checkpoints were trained on it. The form BI, which is not the paper's, has an instruction of its own,
a third as long.

Example:
    >>> from gner_core.systems.gner.targets import BIO
    >>> prompt(("Ada", "waves"), ("person",), BIO).splitlines()[-2:]
    ['Use the specific entity tags: person and O.', 'Sentence: Ada waves']
"""

import itertools
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import sub

from gner_core.config.systems.gner import TargetForm
from gner_core.records import Sentence

INSTRUCTION = """\
Please analyze the sentence provided, identifying the type of entity for each word on a \
token-by-token basis.
Output format is: word_1(label_1), word_2(label_2), ...
We'll use the BIO-format to label the entities, where:
1. B- (Begin) indicates the start of a named entity.
2. I- (Inside) is used for words within a named entity but are not the first word.
3. O (Outside) denotes words that are not part of a named entity.

"""
MISSES = 100
"""Draws of types that a sentence has already, until those that are left are drawn among themselves."""
LEAN_INSTRUCTION = """\
Copy the sentence and label the words of each entity: (B-type) after its first word, (I-type) after \
its others. Words without a label are outside of entities.

"""


def prompt(words: Sequence[str], types: Sequence[str], form: TargetForm) -> str:
    """Return the prompt for a sentence and its entity types, in the order given."""
    if form.labels == "BI":
        instruction, tags = LEAN_INSTRUCTION, ", ".join(types) or "none"
    else:
        instruction, tags = INSTRUCTION, f"{', '.join(types)} and O" if types else "O"
    return f"{instruction}Use the specific entity tags: {tags}.\nSentence: {' '.join(words)}"


def shuffled(types: Sequence[str], *, seed: int, epoch: int, sentence_id: str) -> tuple[str, ...]:
    """Return the types in an order that depends only on seed, epoch and sentence."""
    drawn = list(types)
    random.Random(f"order/{seed}/{epoch}/{sentence_id}").shuffle(drawn)
    return tuple(drawn)


def other_orders(types: Sequence[str], *, count: int, seed: int) -> tuple[tuple[str, ...], ...]:
    """Return up to `count` further orders of the types, all different.

    They depend only on the seed and on which types there are, but for the one that is given.

    Example:
        >>> other_orders(["a", "b"], count=3, seed=1)
        (('b', 'a'),)
    """
    found = {tuple(types): None}
    most = min(1 + count, math.factorial(len(types)))
    for draw in itertools.count(1):
        if len(found) == most:
            break
        found[shuffled(sorted(types), seed=seed, epoch=draw, sentence_id="")] = None
    return tuple(found)[1:]


@dataclass(frozen=True)
class TypePool:
    """The types of an open corpus with the number of sentences that hold each."""

    names: tuple[str, ...]
    cumulative: tuple[int, ...]

    @classmethod
    def of(cls, sentences: Iterable[Sentence]) -> "TypePool":
        """Collect the pool of a training set."""
        counts = Counter(name for sentence in sentences for name in sentence.types)
        names = tuple(sorted(counts))
        return cls(names, tuple(accumulate(counts[name] for name in names)))

    def external(
        self, present: Sequence[str], *, rate: float, seed: int, epoch: int, sentence_id: str
    ) -> tuple[str, ...]:
        """Draw types that the sentence does not hold, in proportion to their frequency.

        `rate` is the number of external types per present one, rounded; a sentence without any
        entity gets at least one, since a prompt needs a type.
        """
        wanted = min(max(round(rate * len(present)), int(not present)), len(self.names))
        wanted = min(wanted, len(self.names) - len(set(present) & set(self.names)))
        draw = random.Random(f"external/{seed}/{epoch}/{sentence_id}")
        chosen: dict[str, None] = {}
        misses = 0
        while len(chosen) < wanted and misses < MISSES:
            (name,) = draw.choices(self.names, cum_weights=self.cumulative)
            if name in present or name in chosen:
                misses += 1
            else:
                chosen[name] = None
        rest = self._drawn_without({*chosen, *present}, wanted - len(chosen), draw)
        return (*chosen, *rest)

    def _drawn_without(self, known: set[str], wanted: int, draw: random.Random) -> Iterator[str]:
        """Draw types among those that are not known, each once."""
        if not wanted:
            return
        counts = map(sub, self.cumulative, (0, *self.cumulative))
        left = {name: n for name, n in zip(self.names, counts, strict=True) if name not in known}
        for _ in range(wanted):
            (name,) = draw.choices([*left], weights=[*left.values()])
            del left[name]
            yield name
