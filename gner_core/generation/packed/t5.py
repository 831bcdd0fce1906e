"""The layers of T5's decoder over packed tokens, in few steps, as those of LLaMA."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from gner_core.generation.packed.attention import Sight, attend
from gner_core.generation.packed.cache import RowCache
from gner_core.generation.packed.steps import GatedUnit, add, joined, normed

LIKE_T5 = frozenset({"t5", "mt5"})
"""Types of models with the same decoder."""
KeysAndValues = tuple[torch.Tensor, torch.Tensor]
"""Of one layer, each (rows, heads, tokens, width of a head)."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The parts of a layer."""

    before: nn.Module
    """Norm before attention to the row itself."""
    heads: nn.Linear
    """Queries, keys and values for it."""
    output: nn.Linear
    between: nn.Module
    """Norm before attention to the prompt."""
    queries: nn.Linear
    keys: nn.Linear
    values: nn.Linear
    result: nn.Linear
    after: nn.Module
    """Norm before the feed-forward part."""
    feed_forward: GatedUnit

    @classmethod
    def of(cls, block: Any) -> "Layer":
        """Take those of transformers; projections of the same states are joined."""
        to_itself, to_prompt, forward = block.layer
        own, other = to_itself.SelfAttention, to_prompt.EncDecAttention
        dense = forward.DenseReluDense
        return cls(
            to_itself.layer_norm,
            joined([own.q, own.k, own.v]),
            own.o,
            to_prompt.layer_norm,
            other.q,
            other.k,
            other.v,
            other.o,
            forward.layer_norm,
            GatedUnit(dense.wi_0, dense.wi_1, dense.act, dense.wo)
            if hasattr(dense, "wi_0")
            else GatedUnit(dense.wi, None, dense.act, dense.wo),
        )


class T5Layers:
    """Runs the decoder's layers of one model."""

    def __init__(self, model: PreTrainedModel) -> None:
        """Take a model, which shares its weights."""
        decoder = model.get_decoder()
        self.width: int = model.config.d_kv
        self.embedding, self.norm = decoder.embed_tokens, decoder.final_layer_norm
        self.layers = [Layer.of(block) for block in decoder.block]

    def known(self, encoded: torch.Tensor, spare: int) -> list[KeysAndValues]:
        """Return keys and values of encoded prompts by layer, with `spare` empty rows.

        Args:
            encoded: (rows, tokens, hidden).
        """
        return [
            (self._heads(layer.keys(encoded), spare), self._heads(layer.values(encoded), spare))
            for layer in self.layers
        ]

    def _heads(self, states: torch.Tensor, spare: int) -> torch.Tensor:
        heads = states.view(*states.shape[:2], -1, self.width).transpose(1, 2)
        return torch.cat([heads, heads.new_zeros((spare, *heads.shape[1:]))])

    def __call__(
        self,
        ids: torch.Tensor,
        sights: Sequence[Sight],
        cache: RowCache,
        prompts: Sequence[KeysAndValues],
        wanted: torch.Tensor,
    ) -> torch.Tensor:
        """Return the hidden states of wanted tokens: (wanted, hidden).

        Args:
            ids: (tokens,); the cache is ready for them.
            sights: of all rows, in their order.
            prompts: of the rows that take part, by layer.
            wanted: (wanted,) indices into `ids`.
        """
        hidden = self.embedding(ids)
        for layer, cached, prompt in zip(self.layers, cache.layers, prompts, strict=True):
            heads = layer.heads(normed(hidden, layer.before)).view(len(ids), -1, self.width)
            queries, *known = heads.chunk(3, dim=1)
            keys, values = cached.write(*known)
            attended = attend(queries, keys, values, sights, scale=1.0)
            add(hidden, layer.output, attended)
            queries = layer.queries(normed(hidden, layer.between)).view(len(ids), -1, self.width)
            attended = attend(queries, *prompt, sights, to_prompt=True, scale=1.0)
            add(hidden, layer.result, attended)
            if layer is self.layers[-1]:
                hidden = hidden[wanted]
            layer.feed_forward.add_to(hidden, normed(hidden, layer.after))
        return normed(hidden, self.norm)
