"""The shape of a loaded model, and the most floating-point operations that a device can do."""

import time
from typing import Literal

import torch
from transformers import PretrainedConfig

from gner_core.backbones.load import device
from gner_core.config.costs import ModelShape
from gner_core.errors import InputError

SECONDS = 1.0
SIZE_ON_CPU, SIZE_ON_GPU = 2048, 8192


def shape_of(config: PretrainedConfig) -> ModelShape:
    """Return the shape of a T5-like or LLaMA-like model.

    Raises:
        InputError: for another model.
    """
    encoder_decoder = bool(config.is_encoder_decoder)
    if not hasattr(config, "d_kv" if encoder_decoder else "intermediate_size"):
        raise InputError(
            f"{config.model_type}: neither T5-like nor LLaMA-like, so its operations are not "
            "counted; state its shape in the backbone's file"
        )
    heads = config.num_attention_heads
    own_width = config.d_kv if encoder_decoder else getattr(config, "head_dim", None)
    return ModelShape(
        layers=config.num_hidden_layers,
        decoder_layers=config.num_decoder_layers if encoder_decoder else 0,
        hidden=config.hidden_size,
        heads=heads,
        key_value_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_width=own_width or config.hidden_size // heads,
        feed_forward=config.d_ff if encoder_decoder else config.intermediate_size,
        gated=config.is_gated_act if encoder_decoder else True,
        vocabulary=config.vocab_size,
        tied=config.tie_word_embeddings,
        lengths=None,
    )


def matmul_peak(*, dtype: Literal["float32", "bfloat16"]) -> float:
    """Return the operations per second of large matrix products, the best within a second."""
    on = device()
    size = SIZE_ON_CPU if on.type == "cpu" else SIZE_ON_GPU
    a = torch.randn(size, size, device=on, dtype=getattr(torch, dtype))
    b = torch.randn_like(a)
    best, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        settle()
        started = time.perf_counter()
        torch.mm(a, b)
        settle()
        best = min(best, time.perf_counter() - started)
    return 2.0 * size**3 / best


def settle() -> None:
    """Wait until a GPU has finished its queued work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
