"""Strict spans: an entity is right where both its words and its label are, as seqeval counts.

Unlike the paper's metric it counts every mention, and no normalising hides an error.
"""

from gner_core.errors import InputError
from gner_core.records import Span, spans_of
from gner_core.scoring.metrics.counts import ByType, by_type
from gner_core.scoring.scored import Scored


def span_counts(scored: Scored) -> ByType:
    """Count right, predicted and gold spans of one sentence, by label.

    Raises:
        InputError: when entities are not located in the sentence (matching mode text).
    """
    require_positions(scored)
    found = {*scored.predicted_spans}
    if scored.answers:  # what the sentence does not hold is predicted, and at no place right
        lost = scored.answers.hallucinated
        found |= {Span(-1 - number, -1, label) for number, (label, _) in enumerate(lost)}
    return by_type({*spans_of(scored.gold)}, found, label=2)


def require_positions(scored: Scored) -> None:
    """Raise InputError where entities are not located in the sentence (matching mode text)."""
    if scored.written is not None:
        raise InputError(
            f"{scored.id}: matching mode text gives entities no place in the sentence; "
            "use the metric pair, or another mode"
        )
