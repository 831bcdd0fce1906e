"""The number format of a computation: bfloat16 where a backbone allows it and a device is fast in it.

Every GPU that gner supports is. Of CPUs it is those with matrix or vector instructions for it: AMX
or AVX512-BF16. On others, bfloat16 would be several times slower than float32.
"""

import time
from typing import Literal, get_args

import torch

from gner_core.config.backbone import BackboneParams
from gner_core.runtime.measured import measured

NumberFormat = Literal["float32", "bfloat16"]
FORMATS: tuple[NumberFormat, ...] = get_args(NumberFormat)
INSTRUCTIONS = ("amx_bf16", "avx512_bf16")
"""Of x86 processors, as torch names them."""
SIZE, REPEATS = 512, 5
"""Of the matrices that are multiplied where torch cannot tell."""
FASTER = 1.3
"""From this ratio on, bfloat16 is worth its lower precision."""


def number_format(
    backbone: BackboneParams, *, exact: bool, on: torch.device | None = None
) -> NumberFormat:
    """Return in which format a backbone computes on a device.

    Args:
        exact: float32 whatever the device, so that results are the same on all machines.
        on: the device; None for the GPU of this machine where there is one, else its CPU.
    """
    if exact or backbone.dtype == "float32":
        return "float32"
    gpu = on.type == "cuda" if on else torch.cuda.is_available()
    return "bfloat16" if gpu or cpu_is_fast_in_bfloat16() else "float32"


def cpu_is_fast_in_bfloat16() -> bool:
    """Say whether this processor multiplies matrices faster in bfloat16 than in float32."""
    found = torch.cpu.get_capabilities()
    if found.get("architecture") == "x86_64":
        return any(found.get(name, False) for name in INSTRUCTIONS)
    (ratio,) = measured("speed of bfloat16 as a multiple of that of float32", _measure)
    return ratio >= FASTER


def _measure() -> list[float]:
    return [_seconds(torch.float32) / _seconds(torch.bfloat16)]


def _seconds(dtype: torch.dtype) -> float:
    one = torch.ones((SIZE, SIZE), dtype=dtype)
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        torch.mm(one, one)
        times.append(time.perf_counter() - began)
    return min(times)
