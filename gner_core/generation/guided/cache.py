"""A cache of keys and values in which every row of a batch is at a place of its own.

The token at position p of a row stands in its place, whatever the other rows do. What was written
ahead and turns out wrong is written over later; nothing is shifted or cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

GROWTH = 1.25
"""When a cache is too short, it becomes so many times longer than what is needed."""


@dataclass(slots=True)
class Aim:
    """Where a pass writes and what it sees; known to the cache and to its layers."""

    rows: int
    columns: int
    active: slice | torch.Tensor = field(default_factory=lambda: slice(0))
    row_index: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    places: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    width: int = 0


class RowLayer(CacheLayerMixin):
    """Keys and values of one layer: (rows, 1 + columns, heads, width).

    The first column takes what is fed only as filling; no token sees it.
    """

    def __init__(self, aim: Aim) -> None:
        """Storage is made when the first keys come."""
        super().__init__()
        self.aim = aim  # not the cache: a ring of references would keep it in memory

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Make storage; of zeros, since what is masked must still be a number."""
        for name, states in (("keys", key_states), ("values", value_states)):
            shape = (self.aim.rows, 1 + self.aim.columns, states.shape[1], states.shape[3])
            setattr(self, name, states.new_zeros(shape))
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store (rows, heads, tokens, width) and return all columns up to the furthest row's."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        aim = self.aim
        self.keys[aim.row_index, aim.places] = key_states.transpose(1, 2)
        self.values[aim.row_index, aim.places] = value_states.transpose(1, 2)
        return (
            self.keys[aim.active, 1 : 1 + aim.width].transpose(1, 2),
            self.values[aim.active, 1 : 1 + aim.width].transpose(1, 2),
        )

    def lengthen(self, columns: int) -> None:
        """Make room for more columns."""
        for name in ("keys", "values"):
            old = getattr(self, name)
            new = old.new_zeros((old.shape[0], 1 + columns, *old.shape[2:]))
            new[:, : old.shape[1]] = old
            setattr(self, name, new)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:  # noqa: ARG002
        """Return how many columns a pass sees, and their offset."""
        return self.aim.width, 0

    def get_seq_length(self) -> int:
        """Return 0: rows have no common length."""
        return 0

    def get_max_length(self) -> int:
        """Return -1: there is no limit."""
        return -1


class RowCache(Cache):
    """The layers of a model, and where the next pass writes."""

    def __init__(self, *, layers: int, rows: int, columns: int) -> None:
        """Make room for `rows` sequences of, at first, `columns` tokens."""
        self.aim = Aim(rows, columns)
        super().__init__(layers=[RowLayer(self.aim) for _ in range(layers)])

    def aim_at(self, rows: Sequence[int], positions: torch.Tensor) -> None:
        """Say where the next pass writes.

        Args:
            rows: that take part; neighbours in ascending order cost no copy of what they see.
            positions: (rows, tokens) from 0; -1 for filling.
        """
        aim = self.aim
        index = torch.tensor(rows, device=positions.device)
        neighbours = list(rows) == list(range(rows[0], rows[0] + len(rows)))
        aim.active = slice(rows[0], rows[0] + len(rows)) if neighbours else index
        aim.row_index = index[:, None]
        aim.places = positions + 1
        aim.width = int(positions.max()) + 1
        if aim.width > aim.columns:
            aim.columns = int(GROWTH * aim.width)
            for layer in self.layers:
                if layer.is_initialized:
                    layer.lengthen(aim.columns)

    def mask(self, dtype: torch.dtype) -> torch.Tensor:
        """Return what is added to attention: 0 for tokens that are seen; (rows, 1, tokens, columns)."""
        places = self.aim.places
        columns = torch.arange(1, 1 + self.aim.width, device=places.device)
        unseen = columns > places.clamp(min=1)[:, None, :, None]
        return torch.zeros(unseen.shape, dtype=dtype, device=unseen.device).masked_fill_(
            unseen, torch.finfo(dtype).min
        )

    def copy(self, source: int, target: int, *, columns: int) -> None:
        """Give a row the first columns of another."""
        for layer in self.layers:
            layer.keys[target, 1 : 1 + columns] = layer.keys[source, 1 : 1 + columns]
            layer.values[target, 1 : 1 + columns] = layer.values[source, 1 : 1 + columns]

    def fill(self, prefix: Cache) -> None:
        """Let all rows begin with the tokens of a cache that has one row."""
        for layer, given in zip(self.layers, prefix.layers, strict=True):
            layer.lazy_initialization(given.keys, given.values)
            size = 1 + given.keys.shape[2]
            layer.keys[:, 1:size] = given.keys.transpose(1, 2)
            layer.values[:, 1:size] = given.values.transpose(1, 2)
