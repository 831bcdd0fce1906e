"""Layers of a model in fewer passes over memory, for training on a CPU, where memory is slow.

A training in bfloat16 multiplies matrices so fast that the small steps between them take most of
its time. Here each of them is computed at once; weights and their names stay as they are.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.activations import NewGELUActivation
from transformers.models.llama.modeling_llama import LlamaRMSNorm, LlamaRotaryEmbedding
from transformers.models.t5.modeling_t5 import T5LayerNorm


def fuse_activations(model: PreTrainedModel) -> None:
    """Replace T5's GELU, which transformers computes step by step, by torch's.

    Eight passes over memory become one, which saves a tenth of a small T5's time on a CPU.
    """
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if isinstance(module, NewGELUActivation):
            model.set_submodule(name, nn.GELU(approximate="tanh"))


def fuse_norms(model: PreTrainedModel, *, dtype: torch.dtype) -> None:
    """Replace the norms of LLaMA and T5 by ones that pass over memory a third as often.

    Args:
        dtype: what the products after a norm compute in. The norm itself is computed in float32
            and rounded once, instead of once for each product.
    """
    for name, module in list(model.named_modules()):
        if isinstance(module, (LlamaRMSNorm, T5LayerNorm)):
            model.set_submodule(name, _Norm(module, dtype))


def round_rotations(model: PreTrainedModel, *, dtype: torch.dtype) -> None:
    """Round the sines and cosines of LLaMA's positions, computed in float32, to the dtype.

    In float32 they would turn all queries and keys to float32, which attention turns back.
    """
    for module in model.modules():
        if isinstance(module, LlamaRotaryEmbedding):
            module.register_forward_hook(lambda _m, _i, waves: [one.to(dtype) for one in waves])


class _Norm(nn.Module):
    def __init__(self, norm: LlamaRMSNorm | T5LayerNorm, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = norm.weight
        self.epsilon: float = norm.variance_epsilon
        self.dtype = dtype

    def forward(self, hidden: Tensor) -> Tensor:
        normed: Tensor = _RootMeanSquare.apply(hidden, self.weight, self.epsilon, self.dtype)
        return normed


class _RootMeanSquare(torch.autograd.Function):
    """weight · x / √(mean(x²) + ε) over the last dimension."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, epsilon: float, dtype: torch.dtype
    ) -> Tensor:
        width = len(weight)
        rows = hidden.reshape(-1, width)
        scale = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        scale.square_().div_(width).add_(epsilon).rsqrt_()
        ctx.save_for_backward(rows, scale, weight)
        return torch.mul(rows, scale).mul_(weight).to(dtype).reshape(hidden.shape)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        rows, scale, weight = ctx.saved_tensors
        width = len(weight)
        outer_rows = outer[0].reshape(-1, width).to(rows.dtype)
        # Torch has this in one pass for norms that subtract the mean. With a mean of 0, what it
        # subtracts for the mean's own gradient is added back.
        to_hidden, to_weight, _ = torch.ops.aten.native_layer_norm_backward(
            outer_rows,
            rows,
            [width],
            torch.zeros_like(scale),
            scale,
            weight,
            None,
            [ctx.needs_input_grad[0], ctx.needs_input_grad[1], False],
        )
        if to_hidden is not None:
            means = torch.mv(outer_rows, weight).div_(width)[:, None]
            to_hidden = to_hidden.add_(means.mul_(scale)).reshape(outer[0].shape)
        return to_hidden, to_weight, None, None
