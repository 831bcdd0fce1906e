"""The metric that a system's authors publish, as the system counts it; types are not told apart."""

from collections.abc import Iterable

from gner_core.scoring.metrics.counts import ByType
from gner_core.scoring.scored import Scored

ALL_TYPES = "all types"


def published_counts(scored: Scored) -> ByType:
    """Count right, predicted and gold of one sentence; nothing where the system has no metric."""
    published = scored.answers and scored.answers.published
    if not published:
        return {}
    return {ALL_TYPES: (published.right, published.predicted, published.gold)}


def has_own_metric(scored: Iterable[Scored]) -> bool:
    """Say whether the system of these sentences has a metric of its own."""
    return any(one.answers and one.answers.published for one in scored)
