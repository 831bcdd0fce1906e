"""Attention over packed tokens: those of all rows stand one after another, without padding.

All layers but attention treat tokens alone, so a pass is as wide as there are tokens. Attention
puts the queries of each row side by side, as many as its longest has. Query heads that share keys
are stacked as more queries of one head, so keys and values are never repeated in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

PACKED = "gner_packed"
"""Name of this attention among those of transformers."""


@dataclass(frozen=True, slots=True)
class Packing:
    """How the tokens of a pass belong to rows, and what each may see."""

    gather: torch.Tensor
    """(rows, longest): index of the token of each place; a padded place has that of any token."""
    places: torch.Tensor
    """(tokens,): the place of each token, counted row by row."""
    positions: torch.Tensor
    """(tokens,): how many tokens of its row stand before each."""
    unseen: torch.Tensor
    """(rows, longest, columns): columns of the cache that a place may not see."""

    @classmethod
    def of(cls, starts: Sequence[int], lengths: Sequence[int], device: torch.device) -> "Packing":
        """Pack rows of which `starts` tokens are known and `lengths` are fed."""
        longest, offset = max(lengths), 0
        gather: list[list[int]] = []
        seen: list[list[int]] = []
        places: list[int] = []
        positions: list[int] = []
        for row, (start, length) in enumerate(zip(starts, lengths, strict=True)):
            padding = longest - length
            gather.append([*range(offset, offset + length), *[offset] * padding])
            places += range(row * longest, row * longest + length)
            positions += range(start, start + length)
            seen.append([*range(start, start + length), *[start] * padding])
            offset += length
        columns = torch.arange(max(positions) + 1, device=device)
        return cls(
            torch.tensor(gather, device=device),
            torch.tensor(places, device=device),
            torch.tensor(positions, device=device),
            columns > torch.tensor(seen, device=device)[:, :, None],
        )


@dataclass(frozen=True, slots=True)
class Sight:
    """A packing with the numbers that are added to attention scores."""

    packing: Packing
    own: torch.Tensor
    """(rows, 1 or heads, queries, columns) for the tokens of a row itself."""
    prompt: torch.Tensor | None = None
    """(rows, 1, 1, tokens) for an encoded prompt."""


def masked(unseen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return what hides unseen columns: 0, or the lowest number of the format."""
    hiding = torch.zeros(unseen.shape, dtype=dtype, device=unseen.device)
    return hiding.masked_fill_(unseen, torch.finfo(dtype).min)


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    sight: Sight | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Return the attention of packed tokens: (1, tokens, heads, width of a head).

    Args:
        query: (1, heads, tokens, width of a head).
        key: (rows, heads that have keys, columns, width of a head), as `value`.
        sight: of the pass; without one, this is transformers' own attention.
    """
    if sight is None:
        found: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **others
        )
        return found
    packing = sight.packing
    rows, longest = packing.gather.shape
    heads, shared = query.shape[1], key.shape[1]
    group = heads // shared
    own = query[0].transpose(0, 1)[packing.gather].view(rows, longest, shared, group, -1)
    attended = torch.nn.functional.scaled_dot_product_attention(
        own.permute(0, 2, 3, 1, 4).reshape(rows, shared, group * longest, -1),
        key,
        value,
        attn_mask=sight.own if module.is_causal else sight.prompt,
        scale=scaling,
    )
    by_place = attended.view(rows, shared, group, longest, -1).permute(0, 3, 1, 2, 4)
    return by_place.reshape(rows * longest, heads, -1)[packing.places][None], None


AttentionInterface.register(PACKED, packed_attention)
