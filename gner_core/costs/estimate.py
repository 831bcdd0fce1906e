"""GPU hours, operations and memory of one training and of one generation, from token counts.

Training and the reading of prompts are bound by compute: operations over the device's peak times
its utilisation. A generated token is bound by the slowest of three: compute for all rows, reading
the weights and the cache once from the device's memory, and the host that starts every layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gner_core.config.backbone import BackboneParams
from gner_core.config.costs import DeviceProfile, EnergyParams, ModelShape
from gner_core.config.systems.any import DecodeParams
from gner_core.config.training import TrainParams
from gner_core.costs.memory import (
    BYTES,
    DEVICE_SHARE,
    Spread,
    bytes_per_token,
    cache_bytes_per_token,
    fitting,
    fixed_bytes,
    generation_bytes,
)
from gner_core.costs.work import FORWARD, forward_work, update_work

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Volume:
    """Sentences of one corpus with their mean lengths."""

    sentences: float
    words: float
    prompt: float
    """Tokens; so is `target`."""
    target: float


@dataclass(frozen=True, slots=True)
class StepCost:
    """What a step costs."""

    prompt_tokens: float
    """Read; in training once each epoch."""
    target_tokens: float
    """Learned from, or written."""
    flops: float
    memory_bytes: float
    """On each device."""
    gpu_hours: float | None
    """Over all devices; None where the profile does not say enough."""


def training_cost(
    volumes: Sequence[Volume],
    *,
    backbone: BackboneParams,
    shape: ModelShape,
    train: TrainParams,
    validated: Sequence[Volume],
    device: DeviceProfile,
    micro_batch: int | Literal["auto"],
    spread: Spread,
) -> StepCost:
    """Return what a training stage costs; its memory holds sentences at the backbone's limits.

    Args:
        validated: the sentences of all validation steps together.
        micro_batch: sentences of a forward pass on one device; auto: as many as fit.
    """
    adapters = train.lora is not None
    work = update_work(shape, frozen_layers=train.frozen_layers, adapters=adapters)
    once = forward_work(shape)
    flops = sum(v.sentences * work.flops(prompt=v.prompt, target=v.target) for v in volumes)
    seen = sum(v.sentences * once.flops(prompt=v.prompt, target=v.target) for v in validated)
    total = train.epochs * flops + seen
    useful = _useful(device, backbone)
    fixed = fixed_bytes(
        backbone.parameters, trained=_trained(backbone.parameters, shape, train), spread=spread
    )
    layers = shape.layers + shape.decoder_layers
    token = bytes_per_token(hidden=shape.hidden, layers=layers, vocabulary=shape.vocabulary)
    longest = _longest(backbone)
    if micro_batch == "auto":
        left = DEVICE_SHARE * (device.memory_bytes or 0) - fixed
        micro_batch = fitting(left, longest=longest, per_token=token)
    rows = min(micro_batch, -(-train.global_batch // spread.processes))
    return StepCost(
        train.epochs * sum(v.sentences * v.prompt for v in volumes),
        train.epochs * sum(v.sentences * v.target for v in volumes),
        total,
        fixed + rows * longest * token,
        total / useful / HOUR if useful else None,
    )


def _useful(device: DeviceProfile, backbone: BackboneParams) -> float | None:
    """Return the device's peak times its utilisation; None where the profile lacks them."""
    dtype = backbone.dtype
    if dtype not in device.flops or dtype not in device.utilisation:
        return None
    return device.flops[dtype] * device.utilisation[dtype]


def _longest(backbone: BackboneParams) -> int:
    """Return the most tokens of prompt and target together that a backbone accepts."""
    targets = backbone.max_target_tokens if backbone.family == "encoder_decoder" else 0
    return backbone.max_source_tokens + targets


def _trained(parameters: int, shape: ModelShape, train: TrainParams) -> float:
    """Return the number of weights with a gradient; with LoRA, of the adapters."""
    if train.lora:
        layers = shape.layers + shape.decoder_layers
        wide = shape.hidden + shape.attention_width
        return float(len(train.lora.target_modules) * layers * train.lora.rank * wide)
    if not train.frozen_layers:
        return float(parameters)
    layer = shape.read_weights + shape.kept_weights + shape.feed_forward_weights
    frozen = min(train.frozen_layers, shape.layers) * layer
    deeper = layer + shape.read_weights + shape.kept_weights
    frozen += min(train.frozen_layers, shape.decoder_layers) * deeper
    return float(parameters - frozen - shape.head_weights)


def generation_cost(
    volumes: Sequence[Volume],
    *,
    backbone: BackboneParams,
    shape: ModelShape,
    decode: DecodeParams,
    batch: int,
    batch_tokens: int,
    device: DeviceProfile,
) -> StepCost:
    """Return what a generation costs.

    Args:
        batch: most prompts in a batch.
        batch_tokens: most tokens of prompts and targets in a batch.
    """
    work = forward_work(shape)
    orders = decode.orders
    hours: float | None = 0.0
    flops, widest = 0.0, 0.0
    for volume in volumes:
        prompt, target = volume.prompt, volume.target
        most = min(batch, batch_tokens / (prompt + target)) / orders
        rows = orders * max(1.0, min(most, volume.sentences))
        reads = work.reading(prompt=prompt)
        reads += decode.beams * work.writing(prompt=prompt, target=target)
        flops += volume.sentences * orders * reads
        held = generation_bytes(
            backbone.parameters,
            shape=shape,
            dtype=backbone.dtype,
            rows=rows * decode.beams,
            tokens=min(_longest(backbone), batch_tokens / rows),
        )
        widest = max(widest, held)
        one = _generation_hours(
            volume, rows=rows, backbone=backbone, shape=shape, decode=decode, device=device
        )
        hours = None if one is None or hours is None else hours + one
    return StepCost(
        orders * sum(v.sentences * v.prompt for v in volumes),
        orders * sum(v.sentences * v.target for v in volumes),
        flops,
        widest,
        hours,
    )


def pass_cost(
    volumes: Sequence[Volume], *, backbone: BackboneParams, device: DeviceProfile
) -> StepCost:
    """Return what one forward pass of an encoder over every sentence costs; it writes nothing.

    Its layers are not known: a token costs a product with every parameter, and memory holds them.
    """
    tokens = sum(v.sentences * v.prompt for v in volumes)
    flops = FORWARD * backbone.parameters * tokens
    useful = _useful(device, backbone)
    memory = float(BYTES[backbone.dtype] * backbone.parameters)
    return StepCost(tokens, 0.0, flops, memory, flops / useful / HOUR if useful else None)


def _generation_hours(
    volume: Volume,
    *,
    rows: float,
    backbone: BackboneParams,
    shape: ModelShape,
    decode: DecodeParams,
    device: DeviceProfile,
) -> float | None:
    for measured in device.generation:
        if (measured.mode, measured.beams) == (decode.mode, decode.beams):
            speed = measured.words_per_second * measured.parameters / backbone.parameters
            return decode.orders * volume.sentences * volume.words / speed / HOUR
    useful = _useful(device, backbone)
    if not (useful and device.bandwidth and device.seconds_per_layer):
        return None
    work = forward_work(shape)
    passes = volume.target if decode.mode == "free" else volume.words  # one a token, or a word
    layers = shape.decoder_layers or shape.layers
    context = volume.prompt + volume.target / 2
    cache = cache_bytes_per_token(shape, dtype=backbone.dtype) * context * rows * decode.beams
    read = BYTES[backbone.dtype] * _writing_weights(shape) + cache
    writing = work.writing(prompt=volume.prompt, target=volume.target) * rows * decode.beams
    slowest = max(
        writing / passes / useful, read / device.bandwidth, layers * device.seconds_per_layer
    )
    reading = rows * work.reading(prompt=volume.prompt) / useful
    return decode.orders * volume.sentences / rows * (reading + passes * slowest) / HOUR


def _writing_weights(shape: ModelShape) -> int:
    """Return the weights that are read for every token that is written."""
    layer = shape.read_weights + shape.kept_weights + shape.feed_forward_weights
    if shape.encoder_decoder:  # keys and values of the prompt are kept, not computed again
        return shape.decoder_layers * (layer + shape.read_weights) + shape.head_weights
    return shape.layers * layer + shape.head_weights


def footprint(gpu_hours: float, *, watts: float, energy: EnergyParams) -> tuple[float, float]:
    """Return kWh of devices at full power, and kg of CO2 (Wu et al., 2022; Appendix G)."""
    kwh = gpu_hours * watts / 1000 * energy.overhead
    return kwh, kwh * energy.kg_per_kwh
