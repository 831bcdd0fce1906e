"""Attention in blocks: what transformers computes with a mask, forward and backward."""

import pytest
import torch
from torch import Tensor
from transformers import AttentionInterface, DynamicCache

from gner_core.backbones.load import load_model, prefix_cache
from gner_core.training.attention import BLOCKS, attend_in_blocks
from tests.gner_core.conftest import TinyModel

HEADS, GROUPS, WIDTH = 6, 2, 16


def attended(query: Tensor, key: Tensor, value: Tensor, *, blocks: bool) -> list[Tensor]:
    """Return what is attended to, and the gradients of all three."""
    inputs = [one.detach().requires_grad_() for one in (query, key, value)]
    if blocks:
        module = torch.nn.Module()
        mixed, _ = AttentionInterface()[BLOCKS](module, *inputs, None, scaling=WIDTH**-0.5)
    else:
        keys, values = (one.repeat_interleave(HEADS // GROUPS, 1) for one in inputs[1:])
        seen = torch.ones(query.shape[2], key.shape[2]).tril(key.shape[2] - query.shape[2])
        scores = inputs[0] @ keys.mT * WIDTH**-0.5
        weights = scores.masked_fill(seen == 0, float("-inf")).softmax(-1)
        mixed = (weights @ values).transpose(1, 2)
    later = torch.randn(mixed.shape, generator=torch.Generator().manual_seed(2))
    mixed.backward(later.to(mixed.dtype))
    return [mixed.detach(), *(one.grad for one in inputs if one.grad is not None)]


@pytest.mark.parametrize(
    ("queries", "before"), [(1, 0), (7, 0), (128, 3), (129, 0), (300, 0), (300, 40)]
)
@pytest.mark.parametrize(
    ("dtype", "error"), [(torch.float32, 1e-5), (torch.bfloat16, 0.01)], ids=str
)
def test_values_and_gradients(queries: int, before: int, dtype: torch.dtype, error: float) -> None:
    torch.manual_seed(1)
    query = torch.randn(2, queries, HEADS, WIDTH).transpose(1, 2).to(dtype)
    key, value = torch.randn(2, 2, GROUPS, before + queries, WIDTH).to(dtype)
    wanted = attended(query.float(), key.float(), value.float(), blocks=False)
    for one, other in zip(attended(query, key, value, blocks=True), wanted, strict=True):
        assert one.dtype == dtype
        assert (one - other).norm() <= error * max(other.norm(), 1)


def test_a_model_with_a_shared_prefix_computes_the_same(tiny_llama: TinyModel) -> None:
    ids = torch.arange(3, 203)[None] % 50
    logits = []
    for blocks in (False, True):
        model = load_model(tiny_llama.folder, tiny_llama.backbone, dtype="float32").eval()
        if blocks:
            attend_in_blocks(model)
        cache: DynamicCache = prefix_cache(model, ids[:, :20])
        logits.append(model(input_ids=ids[:, 20:], past_key_values=cache).logits)
    torch.testing.assert_close(logits[0], logits[1], atol=1e-5, rtol=1e-5)


def test_others_and_models_with_dropout_stay_as_they_are(
    tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(tiny_model.folder, tiny_model.backbone, dtype="float32")
    model.config.attention_dropout = 0.1
    monkeypatch.setattr(model, "set_attn_implementation", pytest.fail)
    attend_in_blocks(model)
