"""The machine is described and use is counted; what is not known is absent."""

import time
from itertools import count
from pathlib import Path

import pynvml
import pytest

from gner_core.runtime import machine
from gner_core.runtime.gpus import list_gpus
from gner_core.runtime.machine import Meter, note, took_gpus, total


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """NVML of a machine with GPUs; each of GPU-1 and GPU-2 takes 36 kJ between two readings."""
    readings = {"GPU-1": count(0, 36_000_000), "GPU-2": count(9, 36_000_000)}

    def millijoules(gpu: str) -> int:
        if gpu not in readings:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return next(readings[gpu])

    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlSystemGetDriverVersion", lambda: "580.1")
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: 2)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", ["A100", "H100"].__getitem__)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetName", str)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", lambda uuid: uuid)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetTotalEnergyConsumption", millijoules)


def test_the_machine_has_a_name_a_processor_and_memory() -> None:
    found = machine.machine()
    assert found["host"] and found["cpu"]
    assert found["cores"] >= 1 and found["memory_gib"] > 0.1


@pytest.mark.usefixtures("gpus")
def test_the_machine_names_its_gpus_and_their_driver() -> None:
    found = machine.machine.__wrapped__()
    assert (found["gpus"], found["driver"]) == (["A100", "H100"], "580.1")


def test_without_gpus_nothing_is_said_of_them(tmp_path: Path) -> None:
    assert set(Meter(tmp_path).read(cpu_seconds=1.5)) == {"seconds", "cpu_seconds"}


@pytest.mark.usefixtures("gpus")
def test_energy_is_the_difference_of_two_readings(tmp_path: Path) -> None:
    meter = Meter(tmp_path)
    took_gpus(tmp_path, ["GPU-1", "GPU-2"])
    used = meter.read(cpu_seconds=0)
    assert used["energy_wh"] == pytest.approx(20.0)
    assert used["gpu_hours"] == pytest.approx(2 * used["seconds"] / 3600, abs=1e-5)


@pytest.mark.usefixtures("gpus")
def test_a_gpu_that_does_not_tell_its_energy_gets_no_number(tmp_path: Path) -> None:
    meter = Meter(tmp_path)
    took_gpus(tmp_path, ["GPU-1", "MIG-1"])
    used = meter.read(cpu_seconds=0)
    assert "energy_wh" not in used and "gpu_hours" in used


def test_attempts_add_up_and_half_a_line_is_no_attempt(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    assert total(file) == {"attempts": 0}
    note(file, {"seconds": 1.5, "cpu_seconds": 1.0, "gpu_hours": 0.5})
    note(file, {"seconds": 2.5, "cpu_seconds": 3.0})
    with file.open("a") as handle:
        handle.write('{"secon')
    assert total(file) == {"attempts": 2, "seconds": 4.0, "cpu_seconds": 4.0}


def test_waiting_for_gpus_is_not_using_them(tmp_path: Path) -> None:
    meter = Meter(tmp_path)
    time.sleep(0.5)
    took_gpus(tmp_path, ["GPU-1", "GPU-2"])
    time.sleep(0.1)
    used = meter.read(cpu_seconds=0.2)
    assert used["seconds"] >= 0.6
    assert 0.2 <= used["gpu_hours"] * 3600 < 2 * (used["seconds"] - 0.4)
    assert "energy_wh" not in used  # no such GPU tells


def test_the_next_attempt_starts_with_no_gpu(tmp_path: Path) -> None:
    first = Meter(tmp_path)
    took_gpus(tmp_path, ["GPU-1"])
    note(tmp_path / "usage", first.read(cpu_seconds=1.0))
    second = Meter(tmp_path)
    took_gpus(tmp_path, [])
    used = second.read(cpu_seconds=1.0)
    assert "gpu_hours" not in used
    note(tmp_path / "usage", used)
    assert total(tmp_path / "usage")["cpu_seconds"] == 2.0


@pytest.mark.gpu
def test_nvml_names_the_gpus_and_their_energy_grows(tmp_path: Path) -> None:
    found = machine.machine()
    if "gpus" not in found:
        pytest.skip("no NVML here")
    assert found["gpus"][0] and found["driver"]
    meter = Meter(tmp_path)
    took_gpus(tmp_path, [gpu.uuid for gpu in list_gpus(None)])
    time.sleep(3)
    used = meter.read(cpu_seconds=0)
    assert used["energy_wh"] > 0
