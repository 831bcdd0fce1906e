"""Attention of LLaMA for a training in bfloat16 on a CPU.

Torch's own computes the gradients there at the speed of float32. Here all products are those of
whole matrices, which a processor with bfloat16 computes several times as fast. Queries are taken
some rows at a time, with the keys up to the last of them: what no query may see is not computed,
and the weights of one block fit the processor's cache. Heads that share keys stand one below the
other, so that keys and values are not repeated.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, LlamaConfig, PreTrainedModel

BLOCKS = "gner_blocks"
"""Name of this attention among those of transformers, which then builds no mask."""
ROWS_AT_ONCE = 128
_softmax_backward = torch.ops.aten._softmax_backward_data  # noqa: SLF001 (has no other name)


def attend_in_blocks(model: PreTrainedModel) -> None:
    """Have a LLaMA attend with this module; any other model, and one with dropout, stays as it is.

    Rows must be padded on the right, where no token that counts sees the padding.
    """
    if isinstance(model.config, LlamaConfig) and not model.config.attention_dropout:
        model.set_attn_implementation(BLOCKS)


class _Attention(torch.autograd.Function):
    """softmax(query · keyᵀ) · value, where each query sees the keys up to its own.

    query: (groups, heads of a group, queries, width), scaled; key, value: (groups, keys, width).
    The queries are the last ones of the keys.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        mixed = torch.empty_like(query)
        for rows, seen, weights in _weights(query, key):
            mixed[:, :, rows] = _apart(weights @ value[:, :seen], query)
        ctx.save_for_backward(query, key, value)
        return mixed

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = ctx.saved_tensors
        to_query = torch.empty_like(query)
        to_key, to_value = (torch.zeros_like(one, dtype=torch.float32) for one in (key, value))
        for rows, seen, weights in _weights(query, key):
            to_mixed = _together(outer[0][:, :, rows])
            to_weights = to_mixed @ value[:, :seen].mT
            to_scores = _softmax_backward(to_weights, weights, -1, weights.dtype)
            to_value[:, :seen] += weights.mT @ to_mixed
            to_key[:, :seen] += to_scores.mT @ _together(query[:, :, rows])
            to_query[:, :, rows] = _apart(to_scores @ key[:, :seen], query)
        return to_query, to_key.to(key.dtype), to_value.to(value.dtype)


def _weights(query: Tensor, key: Tensor) -> Iterator[tuple[slice, int, Tensor]]:
    """Yield some rows of queries, how many keys they see, and the weights of these keys.

    The weights: (groups, heads of a group · rows, keys).
    """
    queries = query.shape[2]
    before = key.shape[1] - queries
    for start in range(0, queries, ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, queries))
        seen = before + rows.stop
        scores = _together(query[:, :, rows]) @ key[:, :seen].mT
        later = scores.new_full((rows.stop - start, rows.stop - start), float("-inf")).triu_(1)
        _apart(scores, query)[..., before + start :].add_(later)
        yield rows, seen, scores.softmax(-1)


def _together(heads: Tensor) -> Tensor:
    """Return (groups, heads of a group · rows, width)."""
    return heads.flatten(1, 2)


def _apart(rows: Tensor, query: Tensor) -> Tensor:
    """Undo `_together`."""
    return rows.unflatten(1, (query.shape[1], -1))


def _attention(
    _module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _mask: None,
    *,
    scaling: float,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend as transformers asks: (rows, heads, tokens, width) → (rows, tokens, heads, width)."""
    rows, heads, queries, width = query.shape
    groups = key.shape[1]
    grouped = (query * scaling).reshape(rows * groups, heads // groups, queries, width)
    mixed: Tensor = _Attention.apply(grouped, key.flatten(0, 1), value.flatten(0, 1))
    return mixed.view(rows, heads, queries, width).transpose(1, 2), None


AttentionInterface.register(BLOCKS, _attention)
