"""How many sentences a device takes at once, and what happens when they are too many."""

import json
from pathlib import Path
from typing import Literal

import torch
from transformers import PreTrainedConfig

from gner_core.costs.memory import BYTES_OF_TRAINING, DEVICE_SHARE, bytes_per_token, fitting
from gner_core.errors import InputError
from gner_core.runtime.files import write_file

LIMIT = "micro-batch.json"
CPU_BATCH = 8  # more does not make a CPU faster


def micro_batch(
    scratch: Path,
    *,
    asked: int | Literal["auto"],
    global_batch: int,
    devices: int,
    longest: int,
    parameters: int,
    config: PreTrainedConfig,
) -> int:
    """Return the sentences of a forward pass on one device.

    Args:
        longest: tokens of the longest prompt and target together.
        parameters: of the model; ZeRO spreads them, which is not counted.
    """
    wanted = _fitting(longest, parameters, config) if asked == "auto" else asked
    share = -(-global_batch // devices)
    return max(1, min(wanted, share, micro_batch_limit(scratch) or wanted))


def micro_batch_limit(scratch: Path) -> int | None:
    """Return the size at which earlier attempts have arrived; None where memory never ran out."""
    file = scratch / LIMIT
    if not file.exists():
        return None
    limit: int = json.loads(file.read_text())["micro_batch"]
    return limit


def halve(scratch: Path, size: int) -> int:
    """Remember that micro-batches of this size are too large; return the next size to try.

    Raises:
        InputError: when one sentence is too large already.
    """
    if size == 1:
        raise InputError(
            "out of memory with one sentence per device: set execution.gradient_checkpointing, "
            "use the deepspeed launcher with ZeRO 3 or offload, or lower max_source_tokens"
        )
    write_file(scratch / LIMIT, json.dumps({"micro_batch": size // 2}))
    return size // 2


def read_free_memory_with_torch() -> None:
    """Keep DeepSpeed from asking NVML how much memory is free: it would fail on GPUs named by UUID.

    `CUDA_Accelerator.available_memory` of DeepSpeed 0.19 takes the entries of CUDA_VISIBLE_DEVICES
    for numbers where it has NVML. Without, it asks torch, which knows UUIDs.
    """
    from deepspeed.accelerator import cuda_accelerator

    cuda_accelerator.pynvml = None


def _fitting(longest: int, parameters: int, config: PreTrainedConfig) -> int:
    """Estimate the power of two of longest sentences that fit; too much is halved later.

    From the whole memory of a device, not from what is free, so that all ranks agree.
    """
    if not torch.cuda.is_available():
        return CPU_BATCH
    layers = config.num_hidden_layers + (getattr(config, "num_decoder_layers", None) or 0)
    per_token = bytes_per_token(
        hidden=config.hidden_size, layers=layers, vocabulary=config.vocab_size
    )
    memory = torch.cuda.get_device_properties(0).total_memory
    left = DEVICE_SHARE * memory - BYTES_OF_TRAINING * parameters
    return fitting(left, longest=longest, per_token=per_token)
