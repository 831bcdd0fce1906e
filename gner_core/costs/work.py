"""Floating-point operations of training and generation, from a model's shape alone.

A matrix product of a token costs 2 operations a weight, three times in training: forward, gradient
of the input, gradient of the weight (Kaplan et al., 2020, section 2.1). Prompts go through the
encoder, targets through the decoder, and only target tokens need logits. Attention adds two products
for each pair of tokens that attend to each other. Padding and recomputed activations are part of a
device's utilisation. `gner_core.training.bench.flops` has the same formulas for a loaded model.
"""

from dataclasses import dataclass

from gner_core.config.costs import ModelShape

FORWARD = 2
"""Operations of a weight and a token; the backward pass needs as many for each of its halves."""


@dataclass(frozen=True, slots=True)
class TokenWork:
    """Operations of a token of each kind."""

    source: float
    """Of a prompt token: the encoder, and its keys and values in the decoder."""
    target: float
    """Of a target token: the decoder."""
    label: float
    """Of a target token: the output layer."""
    seen: float
    """Of a pair of tokens that attend to each other, over all layers of a stack."""
    encoder_decoder: bool

    def flops(self, *, prompt: float, target: float) -> float:
        """Return the operations of a sentence."""
        return self.reading(prompt=prompt) + self.writing(prompt=prompt, target=target)

    def reading(self, *, prompt: float) -> float:
        """Return the operations of a prompt alone."""
        pairs = prompt * prompt * (1 if self.encoder_decoder else 0.5)
        return self.source * prompt + self.seen * pairs

    def writing(self, *, prompt: float, target: float) -> float:
        """Return the operations of a target after its prompt."""
        pairs = target * (prompt + target / 2)
        return (self.target + self.label) * target + self.seen * pairs


def forward_work(shape: ModelShape) -> TokenWork:
    """Return the operations of a forward pass."""
    return _work(shape, passes=[FORWARD] * shape.layers, label=FORWARD)


def update_work(shape: ModelShape, *, frozen_layers: int, adapters: bool) -> TokenWork:
    """Return the operations of a weight update.

    Args:
        frozen_layers: lowest layers of each stack that stay as they are, with the embeddings;
            a decoder's pass gradients on to the encoder, the others pass none.
        adapters: all layers pass gradients on, none has its own (LoRA; the adapters are left out).
    """
    whole = FORWARD * (2 if adapters else 3)
    head_is_frozen = adapters or (frozen_layers > 0 and shape.tied)
    passes = [
        FORWARD if layer < min(frozen_layers, shape.layers) else whole
        for layer in range(shape.layers)
    ]
    label = FORWARD * (2 if head_is_frozen else 3)
    return _work(shape, passes=passes, label=label, frozen=frozen_layers, whole=whole)


def _work(
    shape: ModelShape, *, passes: list[int], label: int, frozen: int = 0, whole: int = FORWARD
) -> TokenWork:
    """Count the products of all layers.

    Args:
        passes: operations of a weight and a token, for each layer that reads prompts.
        label: the same of the output layer.
        frozen: lowest decoder layers that only pass gradients on.
        whole: operations of the other decoder layers.
    """
    layer = shape.read_weights + shape.kept_weights + shape.feed_forward_weights
    source = float(sum(passes) * layer)
    target = source
    if shape.encoder_decoder:
        passing = min(2 * FORWARD, whole)
        decoder = [
            passing if number < min(frozen, shape.decoder_layers) else whole
            for number in range(shape.decoder_layers)
        ]
        source += float(sum(decoder) * shape.kept_weights)
        target = float(sum(decoder) * (layer + shape.read_weights))
    # Both inputs of a product in attention need a gradient: its backward pass costs twice as much.
    moved = sum(1 for one in passes if one > FORWARD)
    seen = 2.0 * FORWARD * shape.attention_width * (shape.layers + 2 * moved)
    return TokenWork(source, target, label * shape.head_weights, seen, shape.encoder_decoder)
