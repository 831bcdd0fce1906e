"""The machine is described and use is counted; what is not known is absent."""

import time
from pathlib import Path

import pytest

from gner_core import machine
from gner_core.machine import Meter, note, took_gpus, total


class TwoGpus:
    """NVML of a machine with two GPUs that take 36 kJ between two readings, or cannot tell."""

    def __init__(self, *, tells: bool) -> None:
        self.tells, self.readings = tells, 0

    def joules(self, gpu: str) -> float | None:
        self.readings += 1
        return 36_000.0 * self.readings if self.tells else None


def test_the_machine_has_a_name_a_processor_and_memory() -> None:
    found = machine.machine()
    assert found["host"] and found["cpu"]
    assert found["cores"] >= 1 and found["memory_gib"] > 0.1


def test_without_nvml_nothing_is_said_of_gpus(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "_nvml", lambda: None)
    assert set(Meter(tmp_path).read(cpu_seconds=1.5)) == {"seconds", "cpu_seconds"}


def test_energy_is_the_difference_of_two_readings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gpu = TwoGpus(tells=True)
    monkeypatch.setattr(machine, "_nvml", lambda: gpu)
    meter = Meter(tmp_path)
    took_gpus(tmp_path, ["0"])
    used = meter.read(cpu_seconds=0)
    assert used["energy_wh"] == pytest.approx(10.0)
    assert used["gpu_hours"] == pytest.approx(used["seconds"] / 3600, abs=1e-5)


def test_a_gpu_that_does_not_tell_its_energy_gets_no_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "_nvml", lambda: TwoGpus(tells=False))
    meter = Meter(tmp_path)
    took_gpus(tmp_path, ["0", "1"])
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
    took_gpus(tmp_path, ["0"])
    time.sleep(3)
    used = meter.read(cpu_seconds=0)
    assert used["energy_wh"] > 0
