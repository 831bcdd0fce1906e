"""Integer counts of right, predicted and gold entities, and the ratios that follow from them.

Example:
    >>> Counts(right=1, predicted=2, gold=1).f1
    0.6666666666666666
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, predicted and gold entities. Ratios are shares (0 to 1), 0 where undefined."""

    right: int = 0
    predicted: int = 0
    gold: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.right + other.right, self.predicted + other.predicted, self.gold + other.gold
        )

    @property
    def precision(self) -> float:
        """Share of the predicted entities that are right."""
        return self.right / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of the gold entities that were found."""
        return self.right / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        both = self.predicted + self.gold
        return 2 * self.right / both if both else 0.0

    def values(self) -> dict[str, float]:
        """Return counts and ratios by name."""
        names = ("right", "predicted", "gold", "precision", "recall", "f1")
        return {name: getattr(self, name) for name in names}


ByType = Mapping[str, tuple[int, int, int]]
"""Label → (right, predicted, gold): the counts of one sentence."""


def by_type(gold: set[Any], found: set[Any], *, label: int) -> ByType:
    """Compare two sets of tuples that hold their label at position `label`."""
    counts: dict[str, list[int]] = {}
    for entity in found:
        one = counts.setdefault(entity[label], [0, 0, 0])
        one[0] += entity in gold
        one[1] += 1
    for entity in gold:
        counts.setdefault(entity[label], [0, 0, 0])[2] += 1
    return {name: (one[0], one[1], one[2]) for name, one in counts.items()}
