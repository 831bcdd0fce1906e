"""Attention over packed tokens: those of all rows stand one after another, without padding.

All layers but attention treat tokens alone, so a pass is as wide as there are tokens. Attention
puts the queries of each row side by side, as many as its longest has. Query heads that share keys
are stacked as more queries of one head, so keys and values are never repeated in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
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
    """Where the heads of packed tokens go for attention and come back from, and what they see."""

    there: torch.Tensor
    """(rows × heads with keys × heads that ask one × longest,): which head of which token."""
    back: torch.Tensor
    """(tokens × heads,): which of rows × heads that ask one × longest × heads with keys."""
    shape: tuple[int, int, int]
    """Rows, heads with keys, and queries of one in a row."""
    own: torch.Tensor
    """(rows, 1 or heads, queries, columns): what is added to scores of tokens of a row itself."""
    prompt: torch.Tensor | None = None
    """(rows, 1, 1, tokens): the same for an encoded prompt."""

    @classmethod
    def of(
        cls,
        packing: Packing,
        own: torch.Tensor,
        *,
        heads: int,
        shared: int,
        prompt: torch.Tensor | None = None,
    ) -> "Sight":
        """Say how attention sees packed tokens.

        Args:
            heads: that ask.
            shared: that have keys; each is asked by as many.
        """
        rows, longest = packing.gather.shape
        group = heads // shared
        kept = torch.arange(shared, device=own.device)[:, None]
        asking = torch.arange(group, device=own.device)
        there = packing.gather[:, None, None] * heads + (kept * group + asking)[..., None]
        row, place = packing.places // longest, packing.places % longest
        query = (row[:, None] * group + asking) * longest + place[:, None]
        back = query[:, None] * shared + kept
        return cls(there.flatten(), back.flatten(), (rows, shared, group * longest), own, prompt)


def masked(unseen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return what hides unseen columns: 0, or the lowest number of the format."""
    hiding = torch.zeros(unseen.shape, dtype=dtype, device=unseen.device)
    return hiding.masked_fill_(unseen, torch.finfo(dtype).min)


def attend(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    sight: Sight,
    *,
    mask: torch.Tensor | None,
    scale: float | None,
) -> torch.Tensor:
    """Return the attention of packed tokens: (tokens, heads × width of a head).

    Args:
        queries: (tokens, heads, width of a head).
        keys: (rows, heads that have keys, columns, width of a head), as `values`.
        mask: one of `sight`.
    """
    width = queries.shape[-1]
    asked = queries.reshape(-1, width).index_select(0, sight.there).view(*sight.shape, width)
    found = scaled_dot_product_attention(asked, keys, values, attn_mask=mask, scale=scale)
    by_place = found.transpose(1, 2).reshape(-1, width)  # as it lies in memory
    return by_place.index_select(0, sight.back).view(len(queries), -1)


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
    queries = query[0].transpose(0, 1)
    attended = attend(queries, key, value, sight, mask=sight.own, scale=scaling)
    return attended.view(1, *queries.shape), None


AttentionInterface.register(PACKED, packed_attention)
