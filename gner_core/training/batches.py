"""Which sentences meet in which micro-batch of which weight update.

Owns the order of training: a fresh permutation per epoch, drawn from the seed, cut into global
batches without a gap between epochs; each global batch is sorted by length and cut into
micro-batches, so little is padded. Where global batches are small, the sentences of a window of
several of them can be grouped by length first. What a weight update sees depends on seed, window
and global batch only; the micro-batch size is a matter of memory.

Example:
    >>> plan = plan_batches([[5, 3, 4]], epochs=1, global_batch=2, length_window=1, micro_batch=1,
    ...                     seed=0)
    >>> [len(batch) for batch in plan]
    [1, 1, 1]
"""

import random
from collections.abc import Sequence

Place = tuple[int, int]
"""(epoch, index of the sentence)"""


def plan_batches(
    lengths: Sequence[Sequence[int]],
    *,
    epochs: int,
    global_batch: int,
    length_window: int,
    micro_batch: int,
    seed: int,
) -> list[list[Place]]:
    """Return the micro-batches of a whole training in order.

    Every global batch but the last has the same number of micro-batches, so that updates and
    accumulation steps stay aligned.

    Args:
        lengths: per epoch and sentence the number of tokens; 0 leaves the sentence out.
        length_window: how many global batches are grouped by length together; 1 for none.
    """

    def length(place: Place) -> int:
        return lengths[place[0]][place[1]]

    order: list[Place] = []
    for epoch in range(epochs):
        draw = random.Random(f"batches/{seed}/{epoch}")
        places = [(epoch, index) for index, tokens in enumerate(lengths[epoch]) if tokens]
        draw.shuffle(places)
        for window in _cut(places, global_batch * length_window):
            groups = _cut(sorted(window, key=length) if length_window > 1 else window, global_batch)
            draw.shuffle(groups)
            order.extend(place for group in groups for place in group)
    return [
        micro
        for members in _cut(order, global_batch)
        for micro in _cut(sorted(members, key=length), micro_batch)
    ]


def _cut(places: list[Place], size: int) -> list[list[Place]]:
    return [places[at : at + size] for at in range(0, len(places), size)]


def accumulation(global_batch: int, micro_batch: int) -> int:
    """Return how many micro-batches make one weight update."""
    return -(-global_batch // micro_batch)
