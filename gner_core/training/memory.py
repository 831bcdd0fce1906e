"""Memory of a training: the size of micro-batches, and what is given back between updates."""

import ctypes
import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, TrainerCallback

from gner_core.costs.memory import BYTES_OF_TRAINING, DEVICE_SHARE, bytes_per_token, fitting
from gner_core.errors import InputError
from gner_core.runtime.files import write_file

LIMIT = "micro-batch.json"
CPU_BATCH = 8  # more does not make a CPU faster


def micro_batch_limit(scratch: Path) -> int | None:
    """Return the size to which earlier attempts were halved; None if memory never ran out."""
    file = scratch / LIMIT
    return int(json.loads(file.read_text())["micro_batch"]) if file.exists() else None


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


class ReturnMemory(TrainerCallback):
    """Gives the system back, after every update, what the C library keeps of freed memory.

    Tensors differ in size from batch to batch. Pieces that fit none of the next ones would pile up:
    on a CPU, a training would take more and more memory.
    """

    def __init__(self) -> None:
        self.trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, others do not

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Return the memory."""
        if self.trim is not None:
            self.trim(0)
