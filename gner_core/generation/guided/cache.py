"""A cache of keys and values whose rows have lengths of their own.

The token at position p of a row is always in the same column. Drafts that turn out wrong are
overwritten later; nothing is shifted or cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

GROWTH = 1.25
"""Factor by which a cache that is too short becomes longer than what is needed."""


@dataclass(slots=True)
class Aim:
    """Where a pass writes and what it sees; shared by the cache and its layers."""

    rows: int
    columns: int
    active: slice | torch.Tensor = field(default_factory=lambda: slice(0))
    row_index: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    columns_written: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    width: int = 0


class RowLayer(CacheLayerMixin):
    """Keys and values of one layer: (rows, 1 + columns, heads, width).

    Padding is written to the first column, which no token sees.
    """

    def __init__(self, aim: Aim) -> None:
        """Defer the storage to the first keys."""
        super().__init__()
        self.aim = aim  # not the cache: a reference cycle would keep it in memory

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Allocate zeros: masked positions must hold numbers, too."""
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
        self.keys[aim.row_index, aim.columns_written] = key_states.transpose(1, 2)
        self.values[aim.row_index, aim.columns_written] = value_states.transpose(1, 2)
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
        """Make room for `rows` sequences of `columns` tokens; it grows when needed."""
        self.aim = Aim(rows, columns)
        super().__init__(layers=[RowLayer(self.aim) for _ in range(layers)])

    def aim_at(self, rows: Sequence[int], positions: torch.Tensor) -> None:
        """Say where the next pass writes.

        Args:
            rows: that take part; consecutive ones are read without a copy.
            positions: (rows, tokens) from 0; -1 for padding.
        """
        aim = self.aim
        index = torch.tensor(rows, device=positions.device)
        consecutive = list(rows) == list(range(rows[0], rows[0] + len(rows)))
        aim.active = slice(rows[0], rows[0] + len(rows)) if consecutive else index
        aim.row_index = index[:, None]
        aim.columns_written = positions + 1
        aim.width = int(positions.max()) + 1
        if aim.width > aim.columns:
            aim.columns = int(GROWTH * aim.width)
            for layer in self.layers:
                if layer.is_initialized:
                    layer.lengthen(aim.columns)

    def mask(self, dtype: torch.dtype) -> torch.Tensor:
        """Return what is added to attention scores, (rows, 1, tokens, columns): 0 for seen tokens."""
        written = self.aim.columns_written
        columns = torch.arange(1, 1 + self.aim.width, device=written.device)
        unseen = columns > written.clamp(min=1)[:, None, :, None]
        return torch.zeros(unseen.shape, dtype=dtype, device=unseen.device).masked_fill_(
            unseen, torch.finfo(dtype).min
        )

    def copy(self, source: int, target: int, *, columns: int) -> None:
        """Give a row the first columns of another."""
        for layer in self.layers:
            layer.keys[target, 1 : 1 + columns] = layer.keys[source, 1 : 1 + columns]
            layer.values[target, 1 : 1 + columns] = layer.values[source, 1 : 1 + columns]

    def fill(self, prefix: Cache) -> None:
        """Start all rows with the tokens of a cache of one row."""
        for layer, given in zip(self.layers, prefix.layers, strict=True):
            layer.lazy_initialization(given.keys, given.values)
            size = 1 + given.keys.shape[2]
            layer.keys[:, 1:size] = given.keys.transpose(1, 2)
            layer.values[:, 1:size] = given.values.transpose(1, 2)
