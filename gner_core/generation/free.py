"""Free decoding, as in the paper: token by token, greedy or with beams.

A row never depends on its neighbours: each is cut at its own budget, whatever the batch ran to.

For decoder-only backbones the tokens that all prompts begin with are computed once a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache, PreTrainedModel

from gner_core.backbones.encoder import Encoder, shared_prefix


@dataclass(frozen=True, slots=True)
class Ask:
    """A prompt in tokens and how many may be written (0: the prompt leaves no room)."""

    source: list[int]
    budget: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The text that was written, and whether it ended by itself."""

    text: str
    finished: bool


class FreeGenerator:
    """Generates text for batches of prompts with one model."""

    def __init__(self, model: PreTrainedModel, encoder: Encoder, *, beams: int) -> None:
        """Bind model and tokenizer."""
        self.model = model.eval()
        self.encoder = encoder
        self.beams = beams

    @torch.inference_mode()
    def __call__(self, asks: Sequence[Ask]) -> list[Answer]:
        """Return one answer per prompt, in order."""
        pad = self.encoder.tokenizer.pad_token_id
        rows = [ask.source for ask in asks]
        shared = 0
        extra = {}
        if self.encoder.backbone.family == "decoder_only":
            shared = shared_prefix(rows)
            extra["past_key_values"] = self._shared_cache(rows[0][:shared], len(rows) * self.beams)
        width = max(map(len, rows))
        # Padding stands behind the shared tokens, so that all prompts end in the last column.
        gaps = [width - len(row) for row in rows]
        ids = [r[:shared] + [pad] * gap + r[shared:] for r, gap in zip(rows, gaps, strict=True)]
        mask = [
            [1] * shared + [0] * gap + [1] * (len(row) - shared)
            for row, gap in zip(rows, gaps, strict=True)
        ]
        written = self.model.generate(
            input_ids=torch.tensor(ids, device=self.model.device),
            attention_mask=torch.tensor(mask, device=self.model.device),
            max_new_tokens=max(ask.budget for ask in asks),
            num_beams=self.beams,
            do_sample=False,
            pad_token_id=pad,
            eos_token_id=self.encoder.end,
            **extra,
        )
        if self.encoder.backbone.family == "decoder_only":
            written = written[:, width:]
        else:
            written = written[:, 1:]  # without the decoder's start token
        return [
            self._answer(row[: ask.budget]) for ask, row in zip(asks, written.tolist(), strict=True)
        ]

    def _answer(self, ids: list[int]) -> Answer:
        finished = self.encoder.end in ids
        if finished:
            ids = ids[: ids.index(self.encoder.end)]
        return Answer(self.encoder.decode(ids), finished)

    def _shared_cache(self, prefix: list[int], rows: int) -> DynamicCache | None:
        if not prefix:
            return None
        cache = DynamicCache(config=self.model.config)
        ids = torch.tensor([prefix], device=self.model.device)
        self.model.base_model(input_ids=ids, past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(rows)
        return cache
