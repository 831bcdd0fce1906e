"""Validates any file of params/."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from gner_core.config.costs import DeviceProfile, EnergyParams
from gner_core.config.reading.costs import read_lengths
from gner_core.config.reading.files import read_catalog, read_params, read_scoring, read_values
from gner_core.config.reading.kinds import Kind, kind_of
from gner_core.config.reading.models import read_model_file
from gner_core.config.reading.results import check_results
from gner_core.config.reading.sweeps import read_runnable
from gner_core.config.reading.tables import read_table
from gner_core.config.reevaluation import Reevaluation
from gner_core.config.systems.chat import ChatTemplate

READERS: Mapping[Kind, Callable[[Path], object]] = {
    "catalog": read_catalog,
    "lengths": read_lengths,
    "table": read_table,
    "energy": partial(read_params, EnergyParams),
    "device": partial(read_params, DeviceProfile),
    "backbone": read_model_file,
    "checkpoint": read_model_file,
    "scoring": read_scoring,
    "template": partial(read_params, ChatTemplate),
    "re-evaluation": partial(read_params, Reevaluation),
    "results": check_results,
    "defaults": lambda _: read_scoring(None),  # every experiment reads the rest
}
"""Kind of files that are not run → their reader."""


def check_file(path: Path) -> Kind:
    """Validate any file of params/; return its kind.

    Raises:
        InputError: as `read_runnable`.
    """
    kind = kind_of(read_values(path))
    if kind in READERS:
        READERS[kind](path)
    else:
        read_runnable(path, overrides=[])
    return kind
