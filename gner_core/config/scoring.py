"""Params of scores: their intervals, and the types that are left out."""

from pydantic import Field

from gner_core.strict import StrictModel


class BootstrapParams(StrictModel):
    """How intervals of scores and of their differences are drawn."""

    level: float = Field(gt=0, lt=1)
    """Share of the draws that an interval holds, such as 0.95."""
    resamples: int = Field(ge=100)
    """Draws of the bootstrap, and of the swaps behind p where two systems are compared."""
    seed: int = Field(ge=0)
    """Seed of both."""


class ScoringParams(BootstrapParams):
    """What scores of tagged sentences come with: intervals, types left out, calibration."""

    left_out: tuple[str, ...]
    """Types without a meaning, such as misc; scores are also given without them."""
    confidence_bins: int = Field(ge=1)
    """Bins of equal width, 0 to 1, over which the calibration error is a mean."""
