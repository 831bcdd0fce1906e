"""How long a forward pass takes by the number of its tokens: measured once per machine.

A pass of few tokens mostly reads weights, one of many mostly multiplies matrices. Between the two,
more tokens cost less than in proportion, and guessing ahead pays.
"""

import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import nn
from transformers import PreTrainedModel

from gner_core.runtime.measured import measured

WIDTHS = (1, 4, 8, 16, 32, 64, 128, 256)
"""Tokens of the passes that are measured."""
SECONDS, REPEATS = 0.15, 3
"""Time for each width, and times at least; the shortest counts."""
ENOUGH_BYTES = 64 << 20
"""Weights of the layers that are measured, at least: more than a processor's cache holds."""


@dataclass(frozen=True)
class PassCosts:
    """Costs of passes of some widths; between them they grow evenly, beyond as at the end.

    Example:
        >>> costs = PassCosts((1, 11), (10.0, 20.0))
        >>> costs(6), costs(21)
        (15.0, 30.0)
    """

    widths: Sequence[int]
    costs: Sequence[float]

    def __call__(self, tokens: int) -> float:
        """Return the cost of a pass of so many tokens, in any unit."""
        at = min(max(bisect_left(self.widths, tokens), 1), len(self.widths) - 1)
        (low, high), (less, more) = self.widths[at - 1 : at + 1], self.costs[at - 1 : at + 1]
        return less + (more - less) * (tokens - low) / (high - low)


NOMINAL = PassCosts((1, 256), (1.0, 13.0))
"""The same on all machines: a pass of 20 tokens costs twice one of a single token."""


def pass_costs(model: PreTrainedModel) -> PassCosts:
    """Return the costs on this machine, measured on some of the model's matrix products."""
    layers = _some_layers(model)
    sizes = ", ".join(dict.fromkeys(f"{one.out_features}×{one.in_features}" for one in layers))
    on = torch.cuda.get_device_name(model.device) if model.device.type == "cuda" else "CPU"
    about = f"passes of {sizes}, {model.dtype}, {on}, {torch.get_num_threads()} threads"
    return PassCosts(WIDTHS, measured(about, lambda: [*accumulate(_times(layers), max)]))


def _some_layers(model: PreTrainedModel) -> list[nn.Linear]:
    decoder = model.get_decoder()
    found: list[nn.Linear] = []
    for block in getattr(decoder, "block", None) or decoder.layers:
        found += [module for module in block.modules() if isinstance(module, nn.Linear)]
        if sum(one.weight.nbytes for one in found) >= ENOUGH_BYTES:
            break
    return found


def _times(layers: Sequence[nn.Linear]) -> list[float]:
    """Return the shortest time of each width, in seconds; the layers take turns, as in a pass."""
    times = []
    for width in WIDTHS:
        inputs = [one.weight.new_ones((width, one.in_features)) for one in layers]
        found: list[float] = []
        while len(found) < REPEATS or sum(found) < SECONDS:
            found.append(_time(layers, inputs))
        times.append(min(found))
    return times


def _time(layers: Sequence[nn.Linear], inputs: Sequence[torch.Tensor]) -> float:
    _settle(inputs[0])
    began = time.perf_counter()
    for layer, given in zip(layers, inputs, strict=True):
        layer(given)
    _settle(inputs[0])
    return time.perf_counter() - began


def _settle(values: torch.Tensor) -> None:
    if values.is_cuda:
        torch.cuda.synchronize(values.device)
