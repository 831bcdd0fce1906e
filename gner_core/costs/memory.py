"""Estimates the memory of training and generation on a device, in bytes.

Allocators, kernels and fragmentation are not counted.
"""

from dataclasses import dataclass

from gner_core.config.costs import ModelShape

BYTES_OF_WEIGHT = 4  # weights stay float32 in training
BYTES_OF_UPDATE = 12  # per trained weight: gradient and two moments of AdamW, in float32
BYTES_OF_TRAINING = BYTES_OF_WEIGHT + BYTES_OF_UPDATE
ACTIVATIONS_PER_LAYER = 40  # numbers per token, in hidden sizes, kept for the backward pass
BYTES_OF_ACTIVATION = 2
KEPT_PER_LOGIT = 2  # itself and its gradient
BYTES_OF_LOGIT = 4
DEVICE_SHARE = 0.85  # of a device's memory; the rest is for what is not counted
BYTES = {"float32": 4, "bfloat16": 2}


def bytes_per_token(*, hidden: int, layers: int, vocabulary: int) -> int:
    """Return the bytes of a token that are kept for the backward pass.

    Args:
        layers: of both stacks together.
    """
    activations = BYTES_OF_ACTIVATION * ACTIVATIONS_PER_LAYER * hidden * layers
    return activations + BYTES_OF_LOGIT * KEPT_PER_LOGIT * vocabulary


@dataclass(frozen=True, slots=True)
class Spread:
    """How weights, gradients and moments are spread over processes (ZeRO)."""

    processes: int
    zero: int
    """From 1 on the moments, from 2 the gradients, at 3 the weights are spread."""
    offload: bool
    """Whether moments are in the host's memory."""


def fixed_bytes(parameters: int, *, trained: float, spread: Spread) -> float:
    """Return the bytes of weights, gradients and moments on each device.

    Args:
        parameters: all weights of the model.
        trained: those with a gradient and moments.
    """

    def share(stage: int) -> int:
        return spread.processes if spread.zero >= stage else 1

    weights = BYTES_OF_WEIGHT * parameters / share(3)
    gradients = BYTES_OF_UPDATE / 3 * trained / share(2)
    moments = 0.0 if spread.offload else 2 * BYTES_OF_UPDATE / 3 * trained / share(1)
    return weights + gradients + moments


def fitting(left: float, *, longest: int, per_token: int) -> int:
    """Return how many sentences of the longest kind fit into `left` bytes: a power of two."""
    size = 1
    while 2 * size * longest * per_token <= left:
        size *= 2
    return size


def generation_bytes(
    parameters: int, *, shape: ModelShape, dtype: str, rows: float, tokens: float
) -> float:
    """Return the bytes of a generation: weights, keys and values, the logits of one token.

    Args:
        rows: sentences in a batch, times beams.
        tokens: of the longest prompt and target together.
    """
    kept = cache_bytes_per_token(shape, dtype=dtype) * tokens * rows
    return BYTES[dtype] * parameters + kept + BYTES_OF_LOGIT * rows * shape.vocabulary


def cache_bytes_per_token(shape: ModelShape, *, dtype: str) -> int:
    """Return the bytes of keys and values of a token in all layers of the decoder."""
    layers = shape.decoder_layers or shape.layers
    return BYTES[dtype] * 2 * shape.key_value_width * layers
