"""Energy and CO2 of GPU hours, as in the paper's Appendix G."""

from dataclasses import dataclass

from gner_core.config.costs import EnergyParams


@dataclass(frozen=True, slots=True)
class Footprint:
    """Energy and CO2 equivalents of some GPU hours."""

    kwh: float
    kg: float


def footprint(gpu_hours: float, *, watts: float, energy: EnergyParams) -> Footprint:
    """Return the energy of devices at full power, and its CO2 (Wu et al., 2022; Appendix G)."""
    kwh = gpu_hours * watts / 1000 * energy.overhead
    return Footprint(kwh, kwh * energy.kg_per_kwh)
