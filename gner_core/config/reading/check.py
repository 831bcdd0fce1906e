"""Validates any file of params/, whose kind is told by its folder or else by its keys."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from gner_core.config.backbone import BackboneParams
from gner_core.config.costs import DeviceProfile, EnergyParams
from gner_core.config.reading.costs import ENERGY, read_lengths
from gner_core.config.reading.files import read_catalog, read_params, read_values
from gner_core.config.reading.sweeps import Study, Sweep, read_runnable
from gner_core.config.reevaluation import Reevaluation
from gner_core.config.scoring import ScoringParams


def _read_costs(path: Path) -> None:
    read_params(EnergyParams, path) if path.name == ENERGY.name else read_lengths(path)


READERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "corpora": (read_catalog, "catalog"),
    "costs": (_read_costs, "costs"),
    "devices": (partial(read_params, DeviceProfile), "device"),
    "models": (partial(read_params, BackboneParams), "backbone"),
}
"""Folder of files that are no experiments → their reader, and what they are."""


def check_file(path: Path) -> str:
    """Validate any file of params/; return its kind.

    Raises:
        InputError: as `read_runnable`.
    """
    for folder in path.absolute().parent.parts[-2:]:
        if folder in READERS:
            read, kind = READERS[folder]
            read(path)
            return kind
    keys = read_values(path).keys()
    if keys & ScoringParams.model_fields.keys():
        read_params(ScoringParams, path)
        return "scoring"
    if "champion" in keys:
        read_params(Reevaluation, path)
        return "re-evaluation"
    found = read_runnable(path, overrides=[])
    if isinstance(found, Sweep):
        return "sweep"
    return "study" if isinstance(found, Study) else "experiment"
