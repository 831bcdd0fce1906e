"""Profiles of devices: from params/devices/, and measured by `gner bench`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from pydantic import ValidationError

from gner_core.config.costs import DeviceProfile, MeasuredGeneration
from gner_core.config.reading.costs import named_device
from gner_core.errors import InputError
from gner_core.runtime.files import read_json


def read_device(sources: Sequence[str]) -> DeviceProfile:
    """Return a device, with measured figures in place of those of its profile.

    Args:
        sources: the name of a profile, and files with the output of `gner bench train --json` or
            `gner bench generate --json`, at least one.

    Raises:
        InputError: for an unknown name or a file that holds no such figures.
    """
    device: DeviceProfile | None = None
    for source in sources:
        if not source.endswith(".json"):
            if device:
                raise InputError(f"--device {source}: name a device once, before measured files")
            device = named_device(source)
        else:
            path = Path(source)
            device = _measured(path, device or _unknown(path))
    assert device is not None
    return device


def _unknown(path: Path) -> DeviceProfile:
    return DeviceProfile(
        name=path.name,
        flops={},
        utilisation={},
        memory_bytes=None,
        bandwidth=None,
        watts=None,
        seconds_per_layer=None,
        assumed="",
    )


def _measured(path: Path, device: DeviceProfile) -> DeviceProfile:
    try:
        found: Any = read_json(path)
        if isinstance(found, dict):
            return device.model_copy(update=_training(found["gner"], device))
        ours = (row for row in found if row["mode"] != "gliner")
        rows = (*device.generation, *map(_generation, ours))
        return device.model_copy(update={"generation": rows})
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"{path}: no figures of gner bench train --json or gner bench generate --json "
            f"({_first(error)})"
        ) from None


def _training(rounds: Sequence[Mapping[str, Any]], device: DeviceProfile) -> dict[str, Any]:
    """Return the utilisation of the median round, and the peak that it is a share of."""
    dtype = rounds[0]["dtype"]
    peak = max(float(one["peak_flops_per_second"]) for one in rounds)
    used = median(float(one["flops_per_second"]) for one in rounds) / peak
    return {
        "name": f"{device.name} ({rounds[0]['device']}, measured)",
        "flops": {**device.flops, dtype: peak},
        "utilisation": {**device.utilisation, dtype: used},
    }


def _generation(row: Mapping[str, Any]) -> MeasuredGeneration:
    figures = row["figures"]
    return MeasuredGeneration(
        mode=row["mode"],
        beams=row["beams"],
        parameters=figures["parameters"],
        words_per_second=figures["words"] / figures["seconds"],
    )


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        fault = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
    return " ".join(f"{type(error).__name__}: {error}".split())
