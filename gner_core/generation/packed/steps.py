"""Steps that layers of different architectures have alike, over packed tokens: (tokens, width)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


def normed(hidden: torch.Tensor, norm: Any) -> torch.Tensor:
    """Return hidden states divided by their root mean square, times the weights of a norm."""
    size = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True, dtype=torch.float32)
    factor = (size.square_() / hidden.shape[-1] + norm.variance_epsilon).rsqrt_()
    return (hidden * factor).to(hidden.dtype).mul_(norm.weight)


def add(hidden: torch.Tensor, layer: nn.Linear, given: torch.Tensor) -> None:
    """Add to hidden states, in place, what a layer makes of its input."""
    hidden.addmm_(given, layer.weight.t())
    if layer.bias is not None:
        hidden.add_(layer.bias)


@dataclass(frozen=True, slots=True)
class GatedUnit:
    """The feed-forward part of a layer."""

    gate: nn.Linear
    through: nn.Linear | None
    """What goes through the gate; None where there is no gate."""
    activation: nn.Module
    down: nn.Linear

    def add_to(self, hidden: torch.Tensor, given: torch.Tensor) -> None:
        """Add to hidden states, in place, what the part makes of its input."""
        inner = self.activation(self.gate(given))
        if self.through is not None:
            inner.mul_(self.through(given))
        add(hidden, self.down, inner)


def joined(parts: Sequence[nn.Linear]) -> nn.Linear:
    """Return one layer for several that get the same; their weights become views of its own."""
    with torch.inference_mode(mode=False), torch.no_grad():
        whole = nn.Linear(1, 1, bias=parts[0].bias is not None)
        for name, _ in [*whole.named_parameters()]:
            pieces = [getattr(part, name) for part in parts]
            values = torch.cat([*pieces])
            setattr(whole, name, nn.Parameter(values, requires_grad=False))
            for piece, view in zip(pieces, values.split([*map(len, pieces)]), strict=True):
                piece.data = view
    return whole
