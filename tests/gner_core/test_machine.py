"""The machine is described and use is counted; what is not known is absent."""

from pathlib import Path

import pytest

from gner_core import machine
from gner_core.machine import Meter, note, total, visible_gpus


class TwoGpus:
    """NVML of a machine with two GPUs that take 36 kJ between two readings, or cannot tell."""

    def __init__(self, *, tells: bool) -> None:
        self.tells, self.readings = tells, 0

    def count(self) -> int:
        return 2

    def joules(self, gpu: str) -> float | None:
        self.readings += 1
        return 36_000.0 * self.readings if self.tells else None


def test_the_machine_has_a_name_a_processor_and_memory() -> None:
    found = machine.machine()
    assert found["host"] and found["cpu"]
    assert found["cores"] >= 1 and found["memory_gib"] > 0.1


def test_without_nvml_nothing_is_said_of_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_nvml", lambda: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert visible_gpus(8) == []
    assert set(Meter([]).read(cpu_seconds=1.5)) == {"seconds", "cpu_seconds"}


@pytest.mark.parametrize(
    ("visible", "at_most", "expected"),
    [(None, 8, ["0", "1"]), (None, 1, ["0"]), ("1", 8, ["1"]), ("GPU-ab, 0", 2, ["GPU-ab", "0"])],
)
def test_gpus_are_those_that_a_process_sees(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, at_most: int, expected: list[str]
) -> None:
    monkeypatch.setattr(machine, "_nvml", lambda: TwoGpus(tells=True))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert visible_gpus(at_most) == expected


def test_energy_is_the_difference_of_two_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = TwoGpus(tells=True)
    monkeypatch.setattr(machine, "_nvml", lambda: gpu)
    used = Meter(["0"]).read(cpu_seconds=0)
    assert used["energy_wh"] == pytest.approx(10.0)
    assert used["gpu_hours"] == pytest.approx(used["seconds"] / 3600, abs=1e-6)


def test_a_gpu_that_does_not_tell_its_energy_gets_no_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "_nvml", lambda: TwoGpus(tells=False))
    used = Meter(["0", "1"]).read(cpu_seconds=0)
    assert "energy_wh" not in used and "gpu_hours" in used


def test_attempts_add_up_and_half_a_line_is_no_attempt(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    assert total(file) == {"attempts": 0}
    note(file, {"seconds": 1.5, "cpu_seconds": 1.0, "gpu_hours": 0.5})
    note(file, {"seconds": 2.5, "cpu_seconds": 3.0})
    with file.open("a") as handle:
        handle.write('{"secon')
    assert total(file) == {"attempts": 2, "seconds": 4.0, "cpu_seconds": 4.0}


@pytest.mark.gpu
def test_nvml_names_the_gpus_and_their_energy_grows() -> None:
    found = machine.machine()
    if "gpus" not in found:
        pytest.skip("no NVML here")
    assert found["gpus"][0] and found["driver"]
    meter, until = Meter(["0"]), 3.0
    while (used := meter.read(cpu_seconds=0))["seconds"] < until:
        pass
    assert used["energy_wh"] > 0
