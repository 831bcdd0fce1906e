"""Which windows of text run through a model together.

Example:
    >>> [*batches([5, 9, 7], 2)]
    [[1, 2], [0]]
"""

from collections.abc import Iterator, Sequence

from gner_core.config.reading.defaults import defaults


def batches(sizes: Sequence[int], most: int) -> Iterator[list[int]]:
    """Yield the indices of windows of similar size, the largest first to fail early on memory.

    Args:
        sizes: tokens of each window.
        most: windows of a batch, at most.
    """
    order = sorted(range(len(sizes)), key=lambda n: -sizes[n])
    tokens = defaults()["execution"]["generate_tokens"]
    while order:
        number = max(1, min(most, tokens // sizes[order[0]]))
        yield order[:number]
        order = order[number:]
