"""What a worker has used: GPUs count from when they were taken, on a machine without, not at all."""

import time
from pathlib import Path

from gner_core.machine import Meter, note, took_gpus, total


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
