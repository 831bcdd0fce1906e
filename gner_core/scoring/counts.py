"""Integer counts of right, predicted and gold entities, and the ratios that follow from them.

Example:
    >>> Counts(right=1, predicted=2, gold=1).f1
    0.6666666666666666
"""

from collections.abc import Iterable
from dataclasses import dataclass


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


def total(counts: Iterable[Counts]) -> Counts:
    """Return the sum: micro averages follow from it."""
    result = Counts()
    for count in counts:
        result += count
    return result
