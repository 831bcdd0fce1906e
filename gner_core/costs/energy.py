"""From GPU hours to energy and CO2, as the paper's Appendix G does (Wu et al., 2022).

Example:
    footprint(800.0, watts=400.0, energy=read_energy(ENERGY)).kg  # 135.5; the paper: 135.3
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from gner_core.corpus_params import Model
from gner_core.costs.lengths import COSTS
from gner_core.experiment_file import read_yaml, validated

ENERGY = COSTS / "energy.yaml"


class EnergyParams(Model):
    """From hours to CO2: params/costs/energy.yaml."""

    overhead: float = Field(ge=1)
    """Power of the data centre, per power of its devices (PUE)."""
    kg_per_kwh: float = Field(ge=0)
    """CO2 equivalents of the grid."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Energy and CO2 equivalents of some GPU hours."""

    kwh: float
    kg: float


def footprint(gpu_hours: float, *, watts: float, energy: EnergyParams) -> Footprint:
    """Return the energy of devices at full power, and its CO2 (Wu et al., 2022; Appendix G)."""
    kwh = gpu_hours * watts / 1000 * energy.overhead
    return Footprint(kwh, kwh * energy.kg_per_kwh)


def read_energy(path: Path) -> EnergyParams:
    """Read the parameters.

    Raises:
        InputError: for a file that cannot be read or does not fit.
    """
    return validated(EnergyParams, read_yaml(path), path)
