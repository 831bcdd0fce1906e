"""Floating-point operations of training and generation, from a model's shape alone.

A matrix product of a token costs 2 operations a weight, three times in training: forward, gradient
of the input, gradient of the weight (Kaplan et al., 2020, section 2.1). Prompts go through the
encoder, targets through the decoder, and only target tokens need logits. Attention adds two products
for each pair of tokens that attend to each other. Padding and recomputed activations are part of a
device's utilisation.
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
    return _work(shape, whole=FORWARD, label=FORWARD, frozen=0)


def update_work(shape: ModelShape, *, frozen_layers: int, adapters: bool) -> TokenWork:
    """Return the operations of a weight update.

    Args:
        frozen_layers: lowest layers of each stack that stay as they are, with the embeddings;
            a decoder's pass gradients on to the encoder, the others pass none.
        adapters: all layers pass gradients on, none has its own (LoRA; the adapters are left out).
    """
    head_is_frozen = adapters or (frozen_layers > 0 and shape.tied)
    whole = FORWARD * (2 if adapters else 3)
    label = FORWARD * (2 if head_is_frozen else 3)
    return _work(shape, whole=whole, label=label, frozen=frozen_layers)


def _work(shape: ModelShape, *, whole: int, label: int, frozen: int) -> TokenWork:
    """Count the products of all layers.

    Args:
        whole: operations of a weight and a token in a layer that is not frozen.
        label: the same of the output layer.
    """
    layer = shape.read_weights + shape.kept_weights + shape.feed_forward_weights
    low = min(frozen, shape.layers)
    source = float((FORWARD * low + whole * (shape.layers - low)) * layer)
    target = source
    if shape.encoder_decoder:
        low_decoder = min(frozen, shape.decoder_layers)
        passing = min(2 * FORWARD, whole)  # a frozen layer passes gradients on to the encoder
        decoder = passing * low_decoder + whole * (shape.decoder_layers - low_decoder)
        source += float(decoder * shape.kept_weights)
        target = float(decoder * (layer + shape.read_weights))
    # Both inputs of a product in attention need a gradient: its backward pass costs twice as much.
    moved = shape.layers - low if whole > FORWARD else 0
    seen = 2.0 * FORWARD * shape.attention_width * (shape.layers + 2 * moved)
    return TokenWork(source, target, label * shape.head_weights, seen, shape.encoder_decoder)
