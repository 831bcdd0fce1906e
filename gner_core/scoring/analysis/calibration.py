"""Calibration of confidences: of the entities with 0.8, 80 % should be right.

An entity is right where its words and its type are (strict spans). Predicted entities are put into
bins of equal width by their confidence. The expected calibration error is the mean distance
between confidence and share of right ones over the bins, weighted by their entities (Guo et al.
2017, with entities as cases).

Example:
    >>> counts = Calibration(10)
    >>> counts.add(confidence=0.9, right=True)
    >>> counts.add(confidence=0.95, right=False)
    >>> round(counts.error, 3)
    0.425
"""

from typing import Any

from gner_core.records import confidence_of, spans_of
from gner_core.scoring.scored import Scored


class Calibration:
    """Entities, right ones and the sum of confidences in each bin; parts of a file add up."""

    def __init__(self, bins: int) -> None:
        self.bins = bins
        self.entities = [0] * bins
        self.right = [0] * bins
        self.confidence = [0.0] * bins

    def add(self, *, confidence: float, right: bool) -> None:
        """Count one predicted entity; a confidence of 1 belongs to the last bin."""
        number = min(int(confidence * self.bins), self.bins - 1)
        self.entities[number] += 1
        self.right[number] += right
        self.confidence[number] += confidence

    def add_sentence(self, sentence: Scored) -> None:
        """Count the predicted entities of a sentence with probabilities; others count nothing."""
        if sentence.probabilities is None:
            return
        gold = set(spans_of(sentence.gold))
        for span in spans_of(sentence.predicted):
            sure = confidence_of(span, sentence.probabilities)
            self.add(confidence=sure, right=span in gold)

    def extend(self, other: "Calibration") -> None:
        """Add the counts of another part, in as many bins."""
        for number in range(self.bins):
            self.entities[number] += other.entities[number]
            self.right[number] += other.right[number]
            self.confidence[number] += other.confidence[number]

    @property
    def total(self) -> int:
        """Predicted entities with a confidence."""
        return sum(self.entities)

    @property
    def error(self) -> float:
        """The expected calibration error (0 to 1); 0 without entities."""
        gaps = (abs(c - r) for c, r in zip(self.confidence, self.right, strict=True))
        return sum(gaps) / max(self.total, 1)

    def values(self) -> dict[str, Any]:
        """Return the error, and each bin's bounds, entities, mean confidence and share right."""
        rows = zip(self.entities, self.right, self.confidence, strict=True)
        bins = [
            {
                "low": number / self.bins,
                "high": (number + 1) / self.bins,
                "entities": entities,
                "confidence": sure / entities if entities else None,
                "right": right / entities if entities else None,
            }
            for number, (entities, right, sure) in enumerate(rows)
        ]
        return {"entities": self.total, "error": self.error, "bins": bins}
