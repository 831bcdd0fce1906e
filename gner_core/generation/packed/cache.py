"""A cache of keys and values whose rows have lengths of their own.

The token at position p of a row is always in column p. Drafts that turn out wrong are overwritten
later; nothing is shifted or cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

GROWTH = 1.25
"""Factor by which a cache that is too short becomes longer than what is needed."""

SPARE = 2
"""A cache is used again for batches that need at least its size by this."""


@dataclass(slots=True)
class Aim:
    """Where a pass writes and what it sees; shared by the cache and its layers."""

    rows: int
    columns: int
    active: slice | torch.Tensor = field(default_factory=lambda: slice(0))
    token_rows: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    token_columns: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    width: int = 0


class RowLayer(CacheLayerMixin):
    """Keys and values of one layer: (rows, heads, columns, width of a head)."""

    def __init__(self, aim: Aim) -> None:
        """Defer the storage to the first keys."""
        super().__init__()
        self.aim = aim  # not the cache: a reference cycle would keep it in memory

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Allocate zeros: masked positions must hold numbers, too."""
        for name, states in (("keys", key_states), ("values", value_states)):
            shape = (self.aim.rows, states.shape[1], self.aim.columns, states.shape[3])
            setattr(self, name, states.new_zeros(shape))
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store (1, heads, tokens, width of a head); return all columns up to the furthest row's."""
        return self.write(key_states[0].transpose(0, 1), value_states[0].transpose(0, 1))

    def write(self, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Store (tokens, heads, width of a head); return all columns up to the furthest row's."""
        if not self.is_initialized:
            self.lazy_initialization(keys[None].transpose(1, 2), values[None].transpose(1, 2))
        aim = self.aim
        self.keys[aim.token_rows, :, aim.token_columns] = keys
        self.values[aim.token_rows, :, aim.token_columns] = values
        return self.keys[aim.active, :, : aim.width], self.values[aim.active, :, : aim.width]

    def lengthen(self, columns: int) -> None:
        """Make room for more columns."""
        for name in ("keys", "values"):
            old = getattr(self, name)
            new = old.new_zeros((*old.shape[:2], columns, old.shape[3]))
            new[:, :, : old.shape[2]] = old
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

    def aim_at(
        self, rows: Sequence[int], token_rows: torch.Tensor, token_columns: torch.Tensor
    ) -> None:
        """Say where the next pass writes.

        Args:
            rows: that take part; consecutive ones are read without a copy.
            token_rows: (tokens,) row of each token.
            token_columns: (tokens,) position of each token in its row.
        """
        aim = self.aim
        consecutive = list(rows) == list(range(rows[0], rows[0] + len(rows)))
        aim.active = (
            slice(rows[0], rows[0] + len(rows))
            if consecutive
            else torch.tensor(rows, device=token_rows.device)
        )
        aim.token_rows, aim.token_columns = token_rows, token_columns
        aim.width = int(token_columns.max()) + 1
        if aim.width > aim.columns:
            aim.columns = int(GROWTH * aim.width)
            for layer in self.layers:
                if layer.is_initialized:
                    layer.lengthen(aim.columns)

    def copy(self, source: int, target: int, *, columns: int) -> None:
        """Give a row the first columns of another."""
        for layer in self.layers:
            layer.keys[target, :, :columns] = layer.keys[source, :, :columns]
            layer.values[target, :, :columns] = layer.values[source, :, :columns]

    def fill_all(self, given: "RowCache", rows: Sequence[int], columns: int) -> None:
        """Start every row with the first columns of a row of another cache.

        Args:
            rows: of the other cache, one for every row of this one.
        """
        for layer, other in zip(self.layers, given.layers, strict=True):
            if not layer.is_initialized:
                layer.lazy_initialization(other.keys, other.values)
            layer.keys[:, :, :columns] = other.keys[rows, :, :columns]
            layer.values[:, :, :columns] = other.values[rows, :, :columns]

    def suits(self, rows: int, columns: int) -> bool:
        """Say whether so many rows of so many tokens have room, and no more than `SPARE` times it."""
        has, needs = self.aim.rows * self.aim.columns, rows * columns
        return rows <= self.aim.rows and columns <= self.aim.columns and has <= SPARE * needs

    def fill(self, rows: slice, prefix: "RowCache", columns: int) -> None:
        """Start neighbouring rows with the first columns of another cache's first row."""
        for layer, given in zip(self.layers, prefix.layers, strict=True):
            if not layer.is_initialized:
                layer.lazy_initialization(given.keys, given.values)
            layer.keys[rows, :, :columns] = given.keys[:1, :, :columns]
            layer.values[rows, :, :columns] = given.values[:1, :, :columns]
