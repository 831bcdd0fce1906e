"""What DeepSpeed asks of a GPU before it spreads a model, and what a training on a CPU keeps."""

from types import SimpleNamespace

import pytest
from deepspeed.accelerator import cuda_accelerator

from gner_core.training.memory import BoundMemory, read_free_memory_with_torch


def test_free_memory_is_known_of_a_gpu_that_is_named_by_uuid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-aaaaaaaa-0000-0000-0000-000000000000")
    monkeypatch.setattr("pynvml.nvmlInit", lambda: None)
    monkeypatch.setattr("torch.cuda.memory_allocated", lambda _: 30)
    monkeypatch.setattr(
        "torch.cuda.get_device_properties", lambda _: SimpleNamespace(total_memory=80)
    )
    monkeypatch.setattr(cuda_accelerator, "pynvml", None)
    gpu = cuda_accelerator.CUDA_Accelerator()
    with pytest.raises(ValueError, match="invalid literal for int"):  # else the remedy can go
        gpu.available_memory(0)
    read_free_memory_with_torch()
    assert gpu.available_memory(0) == 50


def test_freed_memory_is_kept_until_a_tenth_more_than_an_update_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Held after each update: 100 are needed, pieces pile up, a longer batch needs 130."""
    held = iter([100, 105, 111, 100, 111, 130, 142, 144, 90])
    monkeypatch.setattr(
        "psutil.Process",
        lambda: SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=next(held))),
    )
    memory = BoundMemory()
    given_back = []
    for update in range(1, 10):
        memory.trim = lambda _, update=update: given_back.append(update)
        memory.on_step_end()
    assert given_back == [3, 5, 8]
