"""Forward passes over rows of different lengths, for both families.

A pass feeds every row its own number of tokens, packed without padding, and returns the hidden
states of selected tokens.
Logits are computed only for the tokens among which something is decided.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Any

import torch
from transformers import PreTrainedModel

from gner_core.backbones.tokens import Tokens
from gner_core.errors import InputError
from gner_core.generation.packed.attention import PACKED, Packing, Sight, masked, neighbours
from gner_core.generation.packed.cache import RowCache
from gner_core.generation.packed.llama import LIKE_LLAMA, LlamaLayers
from gner_core.generation.packed.t5 import LIKE_T5, T5Layers

TOKENS_AT_ONCE = 8192
"""Tokens of a pass at most; more are fed some rows at a time, to save memory."""
TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 3e-2}
"""Of logits, as shares of the highest; bfloat16 has three digits, and layers add up their errors."""
FULL = {"full_attention"}
COLUMNS = 128
"""Caches have a multiple of so many columns, and so often room for the batch after."""
STEM_TOKENS = 4096
"""Tokens of cached stems: of the instruction with lists of types."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What one row gets in a pass."""

    start: int
    """Position of the first token: how many tokens of the row are in the cache."""
    tokens: list[int]
    wanted: list[int]
    """Indices into `tokens` whose hidden states are returned, ascending."""


def layer_kinds(model: PreTrainedModel) -> set[str]:
    """Return what the layers of a model see: all tokens before, or fewer."""
    return {*(getattr(model.config, "layer_types", None) or FULL)}


def packs(model: PreTrainedModel) -> bool:
    """Say whether a decoder-only model can run packed: its layers see all before, by keys of its own."""
    return layer_kinds(model) == FULL and hasattr(model.config, "num_key_value_heads")


class Forward(ABC):
    """Passes of one model; `begin` starts a new batch of rows."""

    def __init__(self, model: PreTrainedModel, encoder: Tokens) -> None:
        """Bind a model, which must be in evaluation mode.

        Raises:
            InputError: when its logits are not a multiple of output weights times hidden states.
        """
        self.model = model
        self.device = model.device
        self.pad: int = encoder.tokenizer.pad_token_id
        self.head: torch.nn.Linear = model.get_output_embeddings()
        self.cache: RowCache
        self.scale = 1.0
        self.scale = self._scale()

    @abstractmethod
    def begin(
        self, prompts: Sequence[list[int]], *, stems: Sequence[list[int]], rows: int, room: int
    ) -> list[Feed]:
        """Start a batch; return per prompt what its row must be fed first.

        Args:
            prompts: source tokens; prompt n gets row n.
            stems: tokens with which each prompt begins; other prompts may begin with them, too.
            rows: how many rows there will be at most.
            room: tokens that a row will probably write.
        """

    @abstractmethod
    def _run(
        self,
        ids: torch.Tensor,
        positions: torch.Tensor,
        packings: Sequence[Packing],
        wanted: torch.Tensor,
    ) -> torch.Tensor:
        """Return the hidden states of wanted tokens, (wanted, hidden); the cache is ready.

        Args:
            ids: (tokens,), of all rows one after another, as their `positions`.
            packings: of all rows, in their order.
            wanted: (wanted,) indices into `ids`.
        """

    def feed(self, rows: Sequence[int], feeds: Sequence[Feed]) -> torch.Tensor:
        """Feed some rows; return the wanted hidden states, (wanted, hidden), row by row."""
        lengths = [len(feed.tokens) for feed in feeds]
        if len(feeds) > 1 and sum(lengths) > TOKENS_AT_ONCE:
            half = len(feeds) // 2
            return torch.cat(
                [self.feed(rows[:half], feeds[:half]), self.feed(rows[half:], feeds[half:])]
            )
        begins = [feed.start for feed in feeds]
        parts = neighbours(begins, lengths, self.device)
        packings = [Packing.of(begins, lengths, part, self.device) for part in parts]
        token_rows = [row for row, length in zip(rows, lengths, strict=True) for _ in range(length)]
        columns = [feed.start + n for feed in feeds for n in range(len(feed.tokens))]
        offsets = [0, *accumulate(lengths)]
        wanted = [offsets[n] + index for n, feed in enumerate(feeds) for index in feed.wanted]
        ids = [token for feed in feeds for token in feed.tokens]
        positions = self._numbers(columns)
        self.cache.aim_at(rows, self._numbers(token_rows), positions)
        return self._run(self._numbers(ids), positions, packings, self._numbers(wanted))

    def _numbers(self, values: Sequence[int]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.long, device=self.device)

    def logits(self, hidden: torch.Tensor, tokens: Sequence[int]) -> torch.Tensor:
        """Return the logits of some tokens: (hidden states, tokens), float32."""
        index = torch.tensor(tokens, device=self.device)
        bias = None if self.head.bias is None else self.head.bias[index]
        return (
            self.scale * torch.nn.functional.linear(hidden, self.head.weight[index], bias).float()
        )

    def best(self, hidden: torch.Tensor) -> list[int]:
        """Return the most probable next token of each hidden state."""
        best: list[int] = (self.head(hidden) * self.scale).argmax(1).tolist()
        return best

    def copy(self, source: int, target: int, *, columns: int, prompt: bool) -> None:  # noqa: ARG002
        """Copy the first columns of a row to another; `prompt`: also its prompt, which differs."""
        self.cache.copy(source, target, columns=columns)

    def _scale(self) -> float:
        """Return the constant that makes `logits` the model's own; T5 1.0 has one."""
        tokens = list(range(min(64, self.head.weight.shape[0])))
        (first,) = self.begin([tokens[:2]], stems=[[]], rows=1, room=1)
        feed = Feed(first.start, first.tokens, [len(first.tokens) - 1])
        found = self.logits(self.feed([0], [feed]), tokens)[0]
        own = self._own_logits(tokens[:2])[tokens].float()
        scale = float(own @ found / (found @ found))
        if not (own.isfinite().all() and math.isfinite(scale)):
            raise InputError(
                f"{self.model.name_or_path}: the model computes no finite numbers: its weights or "
                "its config.json are broken; train again or take another checkpoint"
            )
        tolerance = TOLERANCES[self.model.dtype] * float(own.abs().max())
        if not torch.allclose(scale * found, own, atol=tolerance):
            raise InputError(
                f"guided decoding does not know how {type(self.model).__name__} makes its logits; "
                "set decode.mode: free"
            )
        return scale

    @abstractmethod
    def _own_logits(self, tokens: list[int]) -> torch.Tensor:
        """Return the model's own logits for what follows a prompt."""


class DecoderOnlyForward(Forward):
    """Prompt and answer are one sequence; beginnings that prompts share are computed once."""

    def __init__(
        self, model: PreTrainedModel, encoder: Tokens, *, instruction: Sequence[int] = ()
    ) -> None:
        """Start without any stem.

        Args:
            instruction: with which all stems begin.

        Raises:
            InputError: for layers that do not see all tokens before.
        """
        kinds = layer_kinds(model)
        if kinds != FULL:
            raise InputError(
                f"guided decoding needs layers that see the whole text; {type(model).__name__} has "
                f"{', '.join(sorted(kinds))}; set decode.mode: free"
            )
        model.set_attn_implementation(PACKED)
        self.stems: dict[tuple[int, ...], RowCache] = {}
        self.kept: RowCache | None = None
        self.instruction = tuple(instruction)
        self.heads: int = model.config.num_attention_heads
        self.shared: int = model.config.num_key_value_heads
        self.layers = LlamaLayers(model) if model.config.model_type in LIKE_LLAMA else None
        super().__init__(model, encoder)

    def begin(
        self, prompts: Sequence[list[int]], *, stems: Sequence[list[int]], rows: int, room: int
    ) -> list[Feed]:
        """Start a batch, each row after its stem."""
        known = {tuple(stem): self._stem(tuple(stem)) for stem in stems if stem}
        while sum(map(len, self.stems)) > STEM_TOKENS:
            del self.stems[next(iter(self.stems))]
        self.cache = self._with_room(rows=rows, columns=max(map(len, prompts)) + room)
        first = 0
        for stem, alike in groupby(stems):
            last = first + len([*alike])
            if stem:
                self.cache.fill(slice(first, last), known[tuple(stem)], len(stem))
            first = last
        return [
            Feed(len(stem), prompt[len(stem) :], [])
            for stem, prompt in zip(stems, prompts, strict=True)
        ]

    def _with_room(self, *, rows: int, columns: int) -> RowCache:
        """Return the cache of the batch before where its size is right: new memory costs time."""
        if self.kept is None or not self.kept.suits(rows, columns):
            self.kept = self.empty(rows=rows, columns=-(-columns // COLUMNS) * COLUMNS)
        return self.kept

    def empty(self, *, rows: int, columns: int) -> RowCache:
        """Return a cache for some rows."""
        return RowCache(layers=len(self.model.base_model.layers), rows=rows, columns=columns)

    def _stem(self, tokens: tuple[int, ...]) -> RowCache:
        """Return keys and values of a stem; those used last stay cached.

        One with types always goes on from the instruction, so it is the same to the last bit.
        """
        found = self.stems.pop(tokens, None)
        if found is None:
            start, before = 0, self.instruction
            found = self.empty(rows=1, columns=len(tokens))
            if 0 < len(before) < len(tokens) and tokens[: len(before)] == before:
                start = len(before)
                found.fill(slice(1), self._stem(before), start)
            self.cache = found
            self.feed([0], [Feed(start, list(tokens[start:]), [])])
        self.stems[tokens] = found
        return found

    def _run(
        self,
        ids: torch.Tensor,
        positions: torch.Tensor,
        packings: Sequence[Packing],
        wanted: torch.Tensor,
    ) -> torch.Tensor:
        sights = [self._sight(packing) for packing in packings]
        if self.layers:
            return self.layers(ids, positions, sights, self.cache, wanted)
        hidden: torch.Tensor = self.model.base_model(
            input_ids=ids[None],
            position_ids=positions[None],
            past_key_values=self.cache,
            use_cache=True,
            sights=sights,
        ).last_hidden_state
        return hidden[0, wanted]

    def _sight(self, packing: Packing) -> Sight:
        own = masked(packing.unseen, self.model.dtype)
        stacked = own.repeat(1, self.heads // self.shared, 1)[:, None]
        return Sight.of(packing, stacked, heads=self.heads, shared=self.shared)

    def _own_logits(self, tokens: list[int]) -> torch.Tensor:
        logits: torch.Tensor = self.model(torch.tensor([tokens], device=self.device)).logits
        return logits[0, -1]


class EncoderDecoderForward(Forward):
    """The prompt is encoded once, and rows hold the decoder's tokens; for T5-like models."""

    def __init__(self, model: PreTrainedModel, encoder: Tokens) -> None:
        """Make the decoder's position bias follow the rows' own positions.

        Raises:
            InputError: for an architecture without T5's relative positions.
        """
        if model.config.model_type not in LIKE_T5:
            raise InputError(
                f"guided decoding knows encoder-decoders like T5, not {type(model).__name__}; "
                "set decode.mode: free"
            )
        self.layers = T5Layers(model)
        self.bias = _bias_by_distance(model.get_decoder().block[0].layer[0].SelfAttention)
        super().__init__(model, encoder)

    def begin(
        self,
        prompts: Sequence[list[int]],
        *,
        stems: Sequence[list[int]],  # noqa: ARG002 (a bidirectional encoder shares nothing)
        rows: int,
        room: int,
    ) -> list[Feed]:
        """Encode all prompts and start with the decoder's start token."""
        width = max(map(len, prompts))
        ids = [prompt + [self.pad] * (width - len(prompt)) for prompt in prompts]
        mask = [[1] * len(prompt) + [0] * (width - len(prompt)) for prompt in prompts]
        seen = torch.tensor(mask, device=self.device)
        encoded = self.model.get_encoder()(
            input_ids=torch.tensor(ids, device=self.device), attention_mask=seen
        ).last_hidden_state
        self.cache = RowCache(layers=len(self.layers.layers), rows=rows, columns=1 + room)
        spare = rows - len(prompts)
        hiding = masked(seen == 0, self.model.dtype)
        self.hiding = torch.cat([hiding, hiding.new_zeros((spare, width))])
        self.prompts = self.layers.known(encoded, spare)
        start = self.model.config.decoder_start_token_id
        return [Feed(0, [start], []) for _ in prompts]

    def copy(self, source: int, target: int, *, columns: int, prompt: bool) -> None:
        """Copy a row to another, with its prompt where that differs."""
        super().copy(source, target, columns=columns, prompt=prompt)
        if not prompt:
            return
        self.hiding[target] = self.hiding[source]
        for pair in self.prompts:
            for states in pair:
                states[target] = states[source]

    def _run(
        self,
        ids: torch.Tensor,
        positions: torch.Tensor,  # noqa: ARG002 (the bias of attention has them)
        packings: Sequence[Packing],
        wanted: torch.Tensor,
    ) -> torch.Tensor:
        rows = self.cache.aim.active
        prompts = [(keys[rows], values[rows]) for keys, values in self.prompts]
        hiding = self.hiding[rows][:, None, None]
        sights = [self._sight(packing, hiding) for packing in packings]
        return self.layers(ids, sights, self.cache, prompts, wanted)

    def _sight(self, packing: Packing, hiding: torch.Tensor) -> Sight:
        """Return what tokens see, with T5's position bias: (rows, heads, queries, columns)."""
        columns = torch.arange(packing.unseen.shape[2], device=self.device)
        distances = packing.positions[:, :, None] - columns
        bias = self.bias[distances.clamp(min=0, max=len(self.bias) - 1)]
        bias.masked_fill_(packing.unseen[..., None], torch.finfo(bias.dtype).min)
        own, heads = bias.permute(0, 3, 1, 2).contiguous(), self.bias.shape[1]
        return Sight.of(packing, own, heads=heads, shared=heads, prompt=hiding[packing.rows])

    def _own_logits(self, tokens: list[int]) -> torch.Tensor:
        start = torch.full((1, 1), self.model.config.decoder_start_token_id, device=self.device)
        ids = torch.tensor([tokens], device=self.device)
        logits: torch.Tensor = self.model(input_ids=ids, decoder_input_ids=start).logits
        return logits[0, -1]


def _bias_by_distance(attention: Any) -> torch.Tensor:
    """Return T5's bias for a token so many positions before: (distances, heads); the last for more."""
    distance = torch.arange(attention.relative_attention_max_distance + 1)
    buckets = attention._relative_position_bucket(  # noqa: SLF001 (T5's own rule)
        -distance,
        bidirectional=False,
        num_buckets=attention.relative_attention_num_buckets,
        max_distance=attention.relative_attention_max_distance,
    )
    weights: torch.Tensor = attention.relative_attention_bias.weight
    return weights.detach()[buckets.to(weights.device)]
