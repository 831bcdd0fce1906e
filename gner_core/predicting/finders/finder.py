"""What a predictor needs of a system."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from gner_core.predicting.faults import HALLUCINATED, OVERLAPPING, UNKNOWN, UNREAD
from gner_core.records import Span
from gner_core.systems.interface import Reading
from gner_core.systems.strings import without_overlaps

Asked = tuple[Sequence[str], tuple[str, ...]]
"""The words of a window, and the types that are looked for in it."""


class Found(NamedTuple):
    """What was found in one window."""

    entities: Mapping[Span, float | None]
    """Entity → confidence (0 to 1), None where the system has none; no two share a word."""
    faults: Counter[str]
    """What of the answers is no entity, by the names of `gner_core.predicting.faults`."""


class Finder(Protocol):
    """Finds entities in windows of words."""

    rated: bool
    """Whether entities have a confidence."""

    def fits(self, words: Sequence[str], types: Sequence[str]) -> bool:
        """Say whether words and types are within the limits of the model."""

    def size(self, words: Sequence[str], types: Sequence[str]) -> int:
        """Return the work that a window makes, in tokens."""

    def expect(self, lists: Sequence[tuple[str, ...]]) -> None:
        """Prepare for windows with these types, above all for lists that stand here several times.

        It changes speed, and confidences in their last digits.
        """

    def __call__(self, asked: Sequence[Asked]) -> list[Found]:
        """Return what is found in each window, in order; each may have types of its own."""


def found_in(reading: Reading, scores: Mapping[Span, float]) -> Found:
    """Return the entities that answers name; of those that overlap, the longer one stays."""
    kept = without_overlaps(reading.spans)
    faults = {
        HALLUCINATED: len(reading.hallucinated),
        UNKNOWN: len(reading.unknown),
        UNREAD: len(reading.unread),
        OVERLAPPING: len(reading.spans) - len(kept),
    }
    return Found({span: scores.get(span) for span in kept}, Counter(faults))
