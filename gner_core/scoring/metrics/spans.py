"""Strict spans: an entity is right where both its words and its label are, as seqeval counts.

Unlike the paper's metric it counts every mention, and no normalising hides an error.

Example:
    >>> entity_spans(("O", "B-city", "I-city"))
    {(1, 3, 'city')}
"""

from collections.abc import Sequence

from gner_core.errors import InputError
from gner_core.records import spans_of
from gner_core.scoring.metrics.counts import ByType, by_type
from gner_core.scoring.scored import Scored


def entity_spans(tags: Sequence[str]) -> set[tuple[int, int, str]]:
    """Return (start, end, label) of every entity; end is exclusive."""
    return {(span.start, span.end, span.label) for span in spans_of(tags)}


def span_counts(scored: Scored) -> ByType:
    """Count right, predicted and gold spans of one sentence, by label.

    Raises:
        InputError: when entities are not located in the sentence (matching mode text).
    """
    require_positions(scored)
    return by_type(entity_spans(scored.gold), entity_spans(scored.predicted), label=2)


def require_positions(scored: Scored) -> None:
    """Raise InputError where entities are not located in the sentence (matching mode text)."""
    if scored.written is not None:
        raise InputError(
            f"{scored.id}: matching mode text gives entities no place in the sentence; "
            "use the metric pair, or another mode"
        )
