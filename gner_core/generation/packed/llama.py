"""The layers of LLaMA and its like over packed tokens, in few steps.

transformers takes so many small steps that with a small model they last longer than its matrix
products. Here projections of the same states are one product, products add the residuals, and the
last layer goes on with wanted tokens only. Numbers differ by rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from gner_core.generation.packed.attention import Sight, attend
from gner_core.generation.packed.cache import RowCache
from gner_core.generation.packed.steps import GatedUnit, add, joined, normed

LIKE_LLAMA = frozenset({"llama", "mistral", "qwen2"})
"""Types of models that differ in biases only."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The parts of a layer."""

    before: nn.Module
    """Norm before attention."""
    heads: nn.Linear
    """Queries, keys and values."""
    output: nn.Linear
    after: nn.Module
    """Norm after attention."""
    feed_forward: GatedUnit

    @classmethod
    def of(cls, given: Any) -> "Layer":
        """Take those of transformers; projections of the same states are joined."""
        attention, mlp = given.self_attn, given.mlp
        return cls(
            given.input_layernorm,
            joined([attention.q_proj, attention.k_proj, attention.v_proj]),
            attention.o_proj,
            given.post_attention_layernorm,
            GatedUnit(mlp.gate_proj, mlp.up_proj, mlp.act_fn, mlp.down_proj),
        )


class LlamaLayers:
    """Runs the layers of one model."""

    def __init__(self, model: PreTrainedModel) -> None:
        """Take a model, which shares its weights."""
        base, config = model.base_model, model.config
        attention = base.layers[0].self_attn
        self.embedding, self.rotary, self.norm = base.embed_tokens, base.rotary_emb, base.norm
        self.width, self.scale = int(attention.head_dim), float(attention.scaling)
        self.asking: int = config.num_attention_heads
        self.turned: int = self.asking + config.num_key_value_heads
        self.layers = [Layer.of(one) for one in base.layers]

    def __call__(
        self,
        ids: torch.Tensor,
        positions: torch.Tensor,
        sights: Sequence[Sight],
        cache: RowCache,
        wanted: torch.Tensor,
    ) -> torch.Tensor:
        """Return the hidden states of wanted tokens: (wanted, hidden).

        Args:
            ids: (tokens,), as `positions`; the cache is ready for them.
            sights: of all rows, in their order.
            wanted: (wanted,) indices into `ids`.
        """
        hidden = self.embedding(ids)
        cos, sin = (one[0, :, None] for one in self.rotary(hidden, positions[None]))
        for layer, cached in zip(self.layers, cache.layers, strict=True):
            heads = layer.heads(normed(hidden, layer.before)).view(len(ids), -1, self.width)
            turned = rotated(heads[:, : self.turned], cos, sin)
            keys, values = cached.write(turned[:, self.asking :], heads[:, self.turned :])
            queries = turned[:, : self.asking]
            attended = attend(queries, keys, values, sights, scale=self.scale)
            if layer is self.layers[-1]:
                attended, hidden = attended[wanted], hidden[wanted]
            add(hidden, layer.output, attended)
            layer.feed_forward.add_to(hidden, normed(hidden, layer.after))
        return normed(hidden, self.norm)


def rotated(heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Return heads turned by their positions: (tokens, heads, width).

    Args:
        cos: (tokens, 1, width), as `sin`.
    """
    half = heads.shape[-1] // 2
    turned = heads * cos
    turned[..., :half].addcmul_(heads[..., half:], sin[..., :half], value=-1)
    turned[..., half:].addcmul_(heads[..., :half], sin[..., half:])
    return turned
