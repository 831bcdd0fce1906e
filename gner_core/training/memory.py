"""Memory of a training: the size of micro-batches, and what a training on a CPU keeps of freed memory."""

import ctypes
import json
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import AutoConfig, TrainerCallback

from gner_core.costs.memory import BYTES_OF_TRAINING, DEVICE_SHARE, bytes_per_token, fitting
from gner_core.errors import InputError
from gner_core.runtime.files import read_json, write_file

LIMIT = "micro-batch.json"
CPU_BATCH = 8  # more does not make a CPU faster
CPU_TOKENS, CPU_WIDTH_STEP = 4096, 16
"""Tokens of a forward pass on a CPU at most, and what its width is a multiple of.

Few sizes of tensors leave few gaps in memory, and find their compiled kernels ready. With many,
after a hundred updates malloc takes an eighth of the time to search the gaps.
"""
GROWTH = 1.1
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Numbers of glibc's mallopt."""


def micro_batch_limit(scratch: Path) -> int | None:
    """Return the size to which earlier attempts were halved; None if memory never ran out."""
    file = scratch / LIMIT
    return int(read_json(file)["micro_batch"]) if file.exists() else None


def halve(scratch: Path, size: int) -> int:
    """Record that micro-batches of this size are too large, and return half of it.

    Raises:
        InputError: when one sentence is too large.
    """
    if size == 1:
        raise InputError(
            "out of memory with one sentence per device: set execution.gradient_checkpointing, "
            "use the deepspeed launcher with ZeRO 3 or offload, or lower max_source_tokens"
        )
    write_file(scratch / LIMIT, json.dumps({"micro_batch": size // 2}))
    return size // 2


def read_free_memory_with_torch() -> None:
    """Make DeepSpeed read free memory with torch, since NVML fails on GPUs named by UUID.

    With NVML, `CUDA_Accelerator.available_memory` of DeepSpeed 0.19 takes the entries of
    CUDA_VISIBLE_DEVICES for numbers.
    """
    from deepspeed.accelerator import cuda_accelerator

    cuda_accelerator.pynvml = None


def estimated_micro_batch(model: str, *, longest: int, parameters: int) -> int:
    """Estimate how many of the longest sentences fit on a device; an overestimate is halved later.

    The estimate is a power of two. It is based on the whole memory of a device rather than on what
    is free, so that all ranks agree, and ignores that ZeRO spreads the parameters.

    Args:
        model: folder of the model.
        longest: tokens of the longest prompt and target together.
    """
    if not torch.cuda.is_available():
        return CPU_BATCH
    config = AutoConfig.from_pretrained(model)
    layers = config.num_hidden_layers + (getattr(config, "num_decoder_layers", None) or 0)
    per_token = bytes_per_token(
        hidden=config.hidden_size, layers=layers, vocabulary=config.vocab_size
    )
    memory = torch.cuda.get_device_properties(0).total_memory
    left = DEVICE_SHARE * memory - BYTES_OF_TRAINING * parameters
    return fitting(left, longest=longest, per_token=per_token)


class BoundMemory(TrainerCallback):
    """Keeps freed memory of a training on a CPU for the next tensors, up to a bound.

    The system clears every page that it gives anew: a sixth of the time of a small model's updates.
    But tensors differ in size from batch to batch, and pieces that fit none of the next ones pile
    up. So freed memory is kept until the process holds `GROWTH` times what an update has needed.
    """

    def __init__(self) -> None:
        library = ctypes.CDLL(None)
        self.trim = getattr(library, "malloc_trim", None)  # glibc has both, others neither
        self.needed = 0
        """Bytes after the largest update that began without kept memory."""
        self.fresh = True
        if self.trim is not None:
            library.mallopt(M_MMAP_MAX, 0)  # no piece is given back as soon as it is freed
            library.mallopt(M_TRIM_THRESHOLD, -1)

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Return all freed memory to the system where too much of it has piled up."""
        if self.trim is None:
            return
        held = psutil.Process().memory_info().rss
        if self.fresh:
            self.needed = max(self.needed, held)
        self.fresh = held > GROWTH * self.needed
        if self.fresh:
            self.trim(0)
