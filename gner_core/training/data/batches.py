"""Assigns sentences to weight updates, and those of an update to micro-batches and devices.

The sentences of a weight update depend on seed, window and global batch only. The size and number
of its micro-batches depend on memory and devices, and may change when a training resumes.
Sentences of similar length are grouped, so there is little padding.

Example:
    >>> updates = plan_updates([[5, 3, 4]], global_batch=2, length_window=1, seed=0)
    >>> [len(update) for update in updates]
    [2, 1]
    >>> [len(micro) for micro in cut_update(updates[0], micro_batch=1, devices=1)]
    [1, 1]
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

ExampleKey = tuple[int, int]
"""(epoch, index of the sentence); a negative index is ~index of a sentence without loss."""
Update = list[ExampleKey]


def plan_updates(
    lengths: Sequence[Sequence[int]], *, global_batch: int, length_window: int, seed: int
) -> list[Update]:
    """Return the sentences of every weight update, shortest first.

    Args:
        lengths: per epoch and sentence the length by which they are grouped; 0 leaves one out.
        length_window: how many global batches are grouped by length together; 1 for none.
    """

    def length(key: ExampleKey) -> int:
        return lengths[key[0]][key[1]]

    order: list[ExampleKey] = []
    for epoch, row in enumerate(lengths):
        draw = random.Random(f"batches/{seed}/{epoch}")
        keys = [(epoch, index) for index, tokens in enumerate(row) if tokens]
        draw.shuffle(keys)
        for window in _cut(keys, global_batch * length_window):
            groups = _cut(sorted(window, key=length) if length_window > 1 else window, global_batch)
            draw.shuffle(groups)
            order.extend(key for group in groups for key in group)
    return [sorted(members, key=length) for members in _cut(order, global_batch)]


def cut_update(update: Update, *, micro_batch: int, devices: int) -> list[list[ExampleKey]]:
    """Cut an update into micro-batches, a multiple of `devices` of them.

    Sizes differ by one at most. An idle device gets a sentence without loss, because all devices
    must take part in every exchange of gradients.
    """
    count = devices * accumulation(len(update), micro_batch=micro_batch, devices=devices)
    epoch, index = update[0]
    idle = [(epoch, ~index)]
    return [update[rows] or idle for rows in _even(len(update), count)]


def share_of(
    updates: Sequence[Update], *, micro_batch: int, devices: int, device: int
) -> list[list[ExampleKey]]:
    """Return all micro-batches of one device in order."""
    return [
        micro
        for update in updates
        for micro in cut_update(update, micro_batch=micro_batch, devices=devices)[device::devices]
    ]


def accumulation(global_batch: int, *, micro_batch: int, devices: int) -> int:
    """Return how many micro-batches each device accumulates for one weight update."""
    return -(-global_batch // (micro_batch * devices))


@dataclass(frozen=True, slots=True)
class PassShape:
    """How micro-batches become forward passes: matrices of (sentences, width)."""

    encoder_decoder: bool
    width_step: int = 1
    """Widths are multiples of this."""
    most_tokens: int | None = None
    """With padding; None for no limit. A sentence that alone has more is a pass of its own."""

    def cut(self, sizes: Sequence[tuple[int, int]]) -> list[slice]:
        """Cut a micro-batch with these (prompt, target) lengths into the fewest even passes."""
        for count in range(1, len(sizes)):
            cut = _even(len(sizes), count)
            if self.most_tokens is None:
                return cut
            if max(sum(self.padding(sizes[rows])) for rows in cut) <= self.most_tokens:
                return cut
        return _even(len(sizes), len(sizes))

    def padding(self, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
        """Return (tokens, padding) of a pass over these (prompt, target) lengths in tokens."""
        tokens = sum(map(sum, sizes))
        if self.encoder_decoder:
            width = sum(self.width(side) for side in zip(*sizes, strict=True))
        else:
            width = self.width(map(sum, sizes))
        return tokens, width * len(sizes) - tokens

    def width(self, lengths: Iterable[int]) -> int:
        """Return the width of rows of these lengths."""
        return -(-max(lengths) // self.width_step) * self.width_step


def _even(length: int, count: int) -> list[slice]:
    bounds = [length * at // count for at in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(bounds)]


def _cut(keys: list[ExampleKey], size: int) -> list[list[ExampleKey]]:
    return [keys[at : at + size] for at in range(0, len(keys), size)]
