"""What is added to the log probabilities of tags where they are compared.

A model may prefer some types whatever the text says, coarse ones above all. What it says of words
that mean nothing shows that preference, which is then taken off (Zhao et al., "Calibrate Before Use",
ICML 2021).
"""

import math
from collections.abc import Callable, Sequence

from gner_core.config.systems.any import RatingParams

CONTENT_FREE = ("N/A", "[MASK]", "…")
"""Sentences of one word that name nothing."""
KEPT = 10_000
"""Lists of types whose offsets are kept."""
Orders = tuple[tuple[str, ...], ...]
"""Orders of the same types."""


class Offsets:
    """The offsets of tags by the orders of their types; each is computed once."""

    def __init__(
        self,
        rating: RatingParams,
        rate: Callable[[Sequence[str], Orders], list[dict[str, float]]],
    ) -> None:
        """Bind params, and what gives the log probabilities of every tag of sentences of one word."""
        self._penalty = rating.outside_penalty
        self._calibrates = rating.calibrate_types == "content_free"
        self._rate = rate
        self._known: dict[Orders, dict[str, float]] = {}

    @property
    def any(self) -> bool:
        """Say whether any tag has an offset."""
        return bool(self._penalty or self._calibrates)

    def of(self, orders: Orders) -> dict[str, float]:
        """Return tag → offset in nats, for tags that have one.

        Those of types have a mean of 0: they change which type is found rather than how many
        entities. Inside an entity its type is decided, so `I-` has none.
        """
        if self._calibrates and orders not in self._known:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[orders] = calibrated(self._rate(CONTENT_FREE, orders))
        outside = {"O": -self._penalty} if self._penalty else {}
        return outside | self._known.get(orders, {})


def calibrated(logs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the offset of every tag that begins an entity, given what sentences without any say.

    Args:
        logs: log probability of each tag, of each sentence.

    Example:
        >>> calibrated([{"O": -0.1, "B-person": -2.0, "B-place": -4.0}])
        {'B-person': -1.0, 'B-place': 1.0}
    """
    tags = [tag for tag in logs[0] if tag.startswith("B-")]
    means = {tag: math.fsum(one[tag] for one in logs) / len(logs) for tag in tags}
    middle = math.fsum(means.values()) / len(means)
    return {tag: middle - mean for tag, mean in means.items()}
