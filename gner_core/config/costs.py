"""Params from which a dry run computes costs: model sizes, lengths of sentences, devices, energy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gner_core.strict import StrictModel

BUCKETS = 32
"""Relative positions that T5 tells apart; each stack has one weight for each and each head."""


class ModelShape(StrictModel):
    """A T5-like encoder-decoder, or a LLaMA-like decoder-only model (`decoder_layers: 0`)."""

    layers: int = Field(ge=1)
    """Layers of the encoder; of a decoder-only model, its layers."""
    decoder_layers: int = Field(ge=0)
    """Layers of the decoder of an encoder-decoder; 0 for a decoder-only model."""
    hidden: int = Field(ge=1)
    """Width of a token between two layers."""
    heads: int = Field(ge=1)
    """Attention heads of a layer."""
    key_value_heads: int = Field(ge=1)
    """Heads of keys and values; fewer than `heads` where heads share them."""
    head_width: int = Field(ge=1)
    """Width of a head."""
    feed_forward: int = Field(ge=1)
    """Inner width of the feed-forward layers."""
    gated: bool
    """Whether these have a third matrix, the gate."""
    vocabulary: int = Field(ge=1)
    """Rows of the embeddings."""
    tied: bool
    """Whether the output layer is the embeddings."""
    lengths: str | None
    """Column of params/costs/lengths.yaml with its tokenizer, or one like it; null for none."""

    @model_validator(mode="after")
    def _heads_share_evenly(self) -> "ModelShape":
        if self.heads % self.key_value_heads:
            raise ValueError("heads must be a multiple of key_value_heads")
        return self

    @property
    def encoder_decoder(self) -> bool:
        """Say whether there is a decoder."""
        return self.decoder_layers > 0

    @property
    def attention_width(self) -> int:
        """Width of all heads together."""
        return self.heads * self.head_width

    @property
    def key_value_width(self) -> int:
        """Width of a token's keys, or values, in one layer."""
        return self.key_value_heads * self.head_width

    @property
    def read_weights(self) -> int:
        """Weights of the query and output matrices of an attention."""
        return 2 * self.hidden * self.attention_width

    @property
    def kept_weights(self) -> int:
        """Weights of the key and value matrices of an attention."""
        return 2 * self.hidden * self.key_value_width

    @property
    def feed_forward_weights(self) -> int:
        """Weights of a feed-forward layer."""
        return (3 if self.gated else 2) * self.hidden * self.feed_forward

    @property
    def head_weights(self) -> int:
        """Weights of the output layer."""
        return self.hidden * self.vocabulary

    def parameters(self) -> int:
        """Return the number of parameters, with norms and T5's relative positions, no biases."""
        total = self.head_weights * (1 if self.tied else 2)
        total += self.layers * (self.read_weights + self.kept_weights + self.feed_forward_weights)
        total += (2 * self.layers + 1) * self.hidden
        if self.encoder_decoder:
            attention = 2 * (self.read_weights + self.kept_weights)
            total += self.decoder_layers * (attention + self.feed_forward_weights)
            total += (3 * self.decoder_layers + 1) * self.hidden
            total += 2 * BUCKETS * self.heads
        return total


Tokens = Annotated[float, Field(gt=0)]


class MeasuredLengths(StrictModel):
    """Means over the sentences of all splits of a corpus."""

    words: Tokens
    prompt: Tokens
    target: Tokens


class LikeOthers(StrictModel):
    """A corpus that was not measured: the mean of others is used."""

    like: tuple[str, ...] = Field(min_length=1)
    pieces: float = Field(default=1.0, ge=1)
    """Sentences that one of Table 8 is cut into."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Mean words, prompt and target tokens of a sentence."""

    words: float
    prompt: float
    target: float
    pieces: float
    """Sentences that one of Table 8 is cut into."""
    stand_in: bool
    """Whether they are those of other corpora."""


Entry = MeasuredLengths | LikeOthers
Table = Mapping[str, Mapping[str, Lengths]]
"""Tokenizer → corpus → lengths."""
Format = Literal["float32", "bfloat16"]


class MeasuredGeneration(StrictModel):
    """How fast one way of decoding was, by `gner bench generate`."""

    mode: str
    beams: int
    parameters: int
    """Of the model that was measured."""
    words_per_second: float


class DeviceProfile(StrictModel):
    """A device; what is null is not known, nor are the costs that depend on it."""

    name: str
    flops: dict[Format, float]
    """Dense operations a second at most, by number format."""
    utilisation: dict[Format, float]
    """Share of them that a training uses for its model, padding not counted."""
    memory_bytes: float | None = Field(gt=0)
    bandwidth: float | None = Field(gt=0)
    """Bytes a second from its memory."""
    watts: float | None = Field(gt=0)
    """Power at work."""
    seconds_per_layer: float | None = Field(gt=0)
    """Time that the host needs to start one layer of a forward pass of one token."""
    generation: tuple[MeasuredGeneration, ...] = ()
    assumed: str
    """What of this is no data sheet and no measurement, and why it is taken."""


class EnergyParams(StrictModel):
    """From hours to CO2: params/costs/energy.yaml."""

    overhead: float = Field(ge=1)
    """Power of the data centre, per power of its devices (PUE)."""
    kg_per_kwh: float = Field(ge=0)
    """CO2 equivalents of the grid."""
