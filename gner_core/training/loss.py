"""The loss of a micro-batch: logits of label tokens only, and cross-entropy without copies of them.

The output layer is the widest of a small model: 32,128 or 49,152 logits a token. Hidden states of
prompts and padding, which have no label, skip it. The loss converts the logits to float32 piece by
piece, and their gradient takes their place.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from transformers import PreTrainedModel

from gner_core.training.data.examples import IGNORED

ROWS_AT_ONCE = {"cpu": 16, "cuda": 256}
"""Rows of logits: on a CPU some megabytes, which fit its cache; on a GPU few kernels."""
ROW_STEP = {"cpu": 64, "cuda": 1}
"""What the number of rows is a multiple of; for the reason see `training.memory`."""


class LabelHead:
    """Restricts a model's output layer to the positions that predict a label."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.positions: torch.Tensor | None = None
        model.get_output_embeddings().register_forward_pre_hook(self._select)

    def logits(self, labels: torch.Tensor, forward: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return the logits of the label tokens, in order: (at least label tokens, vocabulary).

        The rows after them are of no use.

        Args:
            labels: (sentences, positions); IGNORED where there is none.
            forward: a pass of the model over these positions.
        """
        positions = (labels.flatten() != IGNORED).nonzero().squeeze(1)
        more = -len(positions) % ROW_STEP[labels.device.type]
        self.positions = torch.cat([positions, positions.new_zeros(more)])
        try:
            return forward()
        finally:
            self.positions = None

    def _select(self, _module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> Any:
        if self.positions is None:
            return inputs
        return (inputs[0].flatten(0, 1).index_select(0, self.positions),)


class _SummedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        total = logits.new_zeros((), dtype=torch.float32)
        logarithms = logits.new_empty(len(labels), dtype=torch.float32)
        for rows, values in _pieces(logits[: len(labels)]):
            wanted = values.gather(1, labels[rows, None]).squeeze(1)
            highest = values.amax(1, keepdim=True)
            sums = values.sub_(highest).exp_().sum(1)
            logarithms[rows] = sums.log_().add_(highest.squeeze(1))
            total += (logarithms[rows] - wanted).sum()
        ctx.save_for_backward(logits, labels, logarithms)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> tuple[torch.Tensor, None]:
        logits, labels, logarithms = ctx.saved_tensors
        logits[len(labels) :] = 0
        for rows, values in _pieces(logits[: len(labels)]):
            values.sub_(logarithms[rows, None]).exp_()
            values.scatter_add_(1, labels[rows, None], -torch.ones_like(values[:, :1]))
            logits[rows] = values.mul_(outer[0])
        return logits, None


def summed_cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the sum of the cross-entropy over all labels, in float32.

    Args:
        logits: (at least labels, vocabulary), in any number format. The backward pass overwrites
            them with their gradient, so it can run only once.
        labels: (labels,) token ids.
    """
    total: torch.Tensor = _SummedCrossEntropy.apply(logits, labels)
    return total


def _pieces(logits: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield some rows at a time, and a float32 copy of them in memory that all pieces share."""
    count, vocabulary = logits.shape
    at_once = ROWS_AT_ONCE[logits.device.type]
    buffer = logits.new_empty((min(count, at_once), vocabulary), dtype=torch.float32)
    for start in range(0, count, at_once):
        rows = slice(start, min(start + at_once, count))
        piece = logits[rows]
        yield rows, buffer[: len(piece)].copy_(piece)
