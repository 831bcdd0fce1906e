"""Describes the machine, and measures what work uses of it: time, GPU hours, energy.

GPUs and their energy are read from NVML, NVIDIA's management library; without it they are absent.
"""

import json
import os
import platform
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from gner_core.runtime.files import read_json, write_file

USAGE = "usage.jsonl"
"""In the scratch folder of a step: a line per attempt that has ended."""
GPUS = "gpus.json"
"""In the scratch folder of a step: the GPUs of the running attempt, and since when."""
JOULES_PER_WATT_HOUR = 3600.0


@cache
def machine() -> dict[str, Any]:
    """Return name, processor, cores, memory in GiB, and GPUs with their driver where NVML is."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    found: dict[str, Any] = {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "cpu": processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
    }
    nvml = _nvml()
    if nvml is not None:
        with suppress(nvml.NVMLError):  # a GPU has failed
            gpus = map(nvml.nvmlDeviceGetHandleByIndex, range(nvml.nvmlDeviceGetCount()))
            found["driver"] = nvml.nvmlSystemGetDriverVersion()
            found["gpus"] = [nvml.nvmlDeviceGetName(gpu) for gpu in gpus]
    return found


def took_gpus(scratch: Path, gpus: Sequence[str]) -> None:
    """Record that a worker uses GPUs, given by UUID, from now on; waiting for them does not count."""
    if gpus:
        taken = {"gpus": list(gpus), "since": time.monotonic(), "joules": _joules(gpus)}
        write_file(scratch / GPUS, json.dumps(taken))


class Meter:
    """Measures the wall time of a worker from now on, and its use of GPUs."""

    def __init__(self, scratch: Path) -> None:
        """Start; a worker that takes GPUs calls `took_gpus` with the same folder."""
        self._taken = scratch / GPUS
        self._taken.unlink(missing_ok=True)
        self._began = time.monotonic()

    def read(self, *, cpu_seconds: float) -> dict[str, float]:
        """Return seconds, CPU seconds and, where there are GPUs, their hours and watt-hours."""
        seconds = time.monotonic() - self._began
        used = {"seconds": round(seconds, 3), "cpu_seconds": round(cpu_seconds, 3)}
        if self._taken.exists():
            taken = read_json(self._taken)
            used["gpu_hours"] = len(taken["gpus"]) * (time.monotonic() - taken["since"]) / 3600
            now = _joules(taken["gpus"])
            if now is not None and taken["joules"] is not None:
                used["energy_wh"] = (now - taken["joules"]) / JOULES_PER_WATT_HOUR
        return used


def _joules(gpus: Sequence[str]) -> float | None:
    """Return the energy that GPUs have used since their driver was loaded, None where unknown.

    GPUs count it since the Volta generation; parts of GPUs (MIG) never do.
    """
    nvml = _nvml()
    if nvml is None:
        return None
    try:
        handles = [nvml.nvmlDeviceGetHandleByUUID(gpu) for gpu in gpus]
        counters = [nvml.nvmlDeviceGetTotalEnergyConsumption(handle) for handle in handles]
    except nvml.NVMLError:
        return None
    joules: float = sum(counters) / 1000
    return joules


def note(file: Path, used: dict[str, float]) -> None:
    """Append what an attempt has used, as a JSON line."""
    with file.open("a") as handle:
        handle.write(json.dumps(used) + "\n")


def total(file: Path) -> dict[str, float]:
    """Sum up all attempts; what one of them lacks, such as energy, is left out."""
    attempts = []
    for line in file.read_text().splitlines() if file.exists() else []:
        with suppress(json.JSONDecodeError):  # half a line, written on a full disk
            attempts.append(json.loads(line))
    names = [name for name in attempts[0] if all(name in a for a in attempts)] if attempts else []
    sums = {name: round(sum(attempt[name] for attempt in attempts), 6) for name in names}
    return {"attempts": len(attempts), **sums}


def processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _nvml() -> ModuleType | None:
    """Return NVML, initialised; None on a machine without its driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    nvml: ModuleType = pynvml
    return nvml
