"""Attention over packed tokens: those of all rows stand one after another, without padding.

All layers but attention treat tokens alone, so a pass is as wide as there are tokens. Attention
puts the queries of each row side by side, as many as the longest of its neighbours has. Query heads
that share keys are stacked as more queries of one head, so keys and values are never repeated in
memory.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

PACKED = "gner_packed"
"""Name of this attention among those of transformers."""
WORTH_A_CALL = {"cpu": 1000}
"""Queries times columns that attend in the time that one more call takes; elsewhere, no number does."""


@dataclass(frozen=True, slots=True)
class Packing:
    """How tokens of a pass belong to neighbouring rows, and what each may see."""

    rows: slice
    """Of the rows that take part."""
    tokens: slice
    """Of the tokens of the pass."""
    gather: torch.Tensor
    """(rows, longest): which of these tokens is in each place; a padded place has any."""
    places: torch.Tensor
    """(tokens,): the place of each token, counted row by row."""
    positions: torch.Tensor
    """(rows, longest): how many tokens of its row stand before each place."""
    unseen: torch.Tensor
    """(rows, longest, columns): columns of the cache that a place may not see."""

    @classmethod
    def of(
        cls, starts: Sequence[int], lengths: Sequence[int], rows: slice, device: torch.device
    ) -> "Packing":
        """Pack some of the rows of a pass, of which `starts` tokens are known and `lengths` fed."""
        longest, offset = max(lengths[rows]), 0
        gather: list[list[int]] = []
        places: list[int] = []
        positions: list[list[int]] = []
        for row, (start, length) in enumerate(zip(starts[rows], lengths[rows], strict=True)):
            padding = longest - length
            gather.append([*range(offset, offset + length), *[offset] * padding])
            places += range(row * longest, row * longest + length)
            positions.append([*range(start, start + length), *[start] * padding])
            offset += length
        first = sum(lengths[: rows.start])
        columns = torch.arange(max(map(max, positions)) + 1, device=device)
        seen = torch.tensor(positions, device=device)
        return cls(
            rows,
            slice(first, first + offset),
            torch.tensor(gather, device=device),
            torch.tensor(places, device=device),
            seen,
            columns > seen[:, :, None],
        )


def neighbours(starts: Sequence[int], lengths: Sequence[int], device: torch.device) -> list[slice]:
    """Return which neighbouring rows attend together, so that there is little padding.

    Example:
        >>> neighbours([90] * 4, [2, 3, 30, 32], torch.device("cpu"))
        [slice(0, 2, None), slice(2, 4, None)]
    """
    ends = [start + length for start, length in zip(starts, lengths, strict=True)]
    least = WORTH_A_CALL.get(device.type, math.inf)

    def work(first: int, last: int) -> int:
        return (last - first) * max(lengths[first:last]) * max(ends[first:last])

    def split(first: int, last: int) -> list[slice]:
        parts = {at: work(first, at) + work(at, last) for at in range(first + 1, last)}
        at = min(parts, key=parts.__getitem__, default=None)
        if at is None or work(first, last) - parts[at] < least:
            return [slice(first, last)]
        return [*split(first, at), *split(at, last)]

    return split(0, len(lengths))


@dataclass(frozen=True, slots=True)
class Sight:
    """What the tokens of neighbouring rows see, and how their heads lie while they look."""

    rows: slice
    tokens: slice
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
        """Say how packed tokens look at what they may see.

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
        shape = (rows, shared, group * longest)
        return cls(
            *(packing.rows, packing.tokens, there.flatten(), back.flatten(), shape, own, prompt)
        )


def masked(unseen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return what hides unseen columns: 0, or the lowest number of the format."""
    hiding = torch.zeros(unseen.shape, dtype=dtype, device=unseen.device)
    return hiding.masked_fill_(unseen, torch.finfo(dtype).min)


def attend(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    sights: Sequence[Sight],
    *,
    to_prompt: bool = False,
    scale: float | None,
) -> torch.Tensor:
    """Return the attention of packed tokens: (tokens, heads × width of a head).

    Args:
        queries: (tokens, heads, width of a head).
        keys: (rows, heads that have keys, columns, width of a head), as `values`.
        sights: of all rows, in their order.
        to_prompt: to an encoded prompt, not to the row itself.
    """
    width = queries.shape[-1]
    found = []
    for sight in sights:
        mask = sight.prompt if to_prompt else sight.own
        asked = queries[sight.tokens].reshape(-1, width).index_select(0, sight.there)
        columns = None if mask is None else mask.shape[-1]
        attended = scaled_dot_product_attention(
            asked.view(*sight.shape, width),
            keys[sight.rows, :, :columns],
            values[sight.rows, :, :columns],
            attn_mask=mask,
            scale=scale,
        )
        by_place = attended.transpose(1, 2).reshape(-1, width)  # as it lies in memory
        found.append(by_place.index_select(0, sight.back))
    joined = found[0] if len(found) == 1 else torch.cat(found)
    return joined.view(len(queries), -1)


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    sights: Sequence[Sight] = (),
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Return the attention of packed tokens: (1, tokens, heads, width of a head).

    Args:
        query: (1, heads, tokens, width of a head).
        key: (rows, heads that have keys, columns, width of a head), as `value`.
        sights: of the pass; without any, this is transformers' own attention.
    """
    if not sights:
        found: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **others
        )
        return found
    queries = query[0].transpose(0, 1)
    attended = attend(queries, key, value, sights, scale=scaling)
    return attended.view(1, *queries.shape), None


AttentionInterface.register(PACKED, packed_attention)
