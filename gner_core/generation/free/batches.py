"""Free decoding with transformers' own generation, greedy or with beams.

Each answer ends at its own budget, so it does not depend on the other prompts of the batch. For
decoder-only backbones the tokens with which all prompts begin are computed once a batch.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel, StoppingCriteria, StoppingCriteriaList

from gner_core.backbones.load import prefix_cache
from gner_core.backbones.tokens import Tokens, shared_prefix
from gner_core.generation.free.answers import FreeAnswer


class _Budgets(StoppingCriteria):
    """Ends each row of a batch, with all its beams, after its own number of tokens."""

    def __init__(self, budgets: Sequence[int], *, begin: int) -> None:
        self.budgets = torch.tensor(budgets)
        self.begin = begin

    def __call__(
        self, input_ids: torch.LongTensor, _scores: torch.FloatTensor, **_: Any
    ) -> torch.BoolTensor:
        budgets = self.budgets.repeat_interleave(len(input_ids) // len(self.budgets))
        ended: Any = budgets <= input_ids.shape[1] - self.begin
        return ended.to(input_ids.device)


class FreeGenerator:
    """Generates text for batches of prompts with one model."""

    def __init__(
        self, model: PreTrainedModel, encoder: Tokens, *, beams: int, shares: bool = True
    ) -> None:
        """Bind a model.

        Args:
            shares: False computes every prompt from its first token, for comparison.
        """
        self.model = model.eval()
        self.shares = shares
        self.encoder = encoder
        self.beams = beams

    @torch.inference_mode()
    def __call__(self, rows: Sequence[list[int]], budgets: Sequence[int]) -> list[FreeAnswer]:
        """Return one answer per prompt, in order.

        Args:
            rows: prompts in tokens.
            budgets: number of tokens that may be written for each.
        """
        pad = self.encoder.tokenizer.pad_token_id
        width = max(map(len, rows))
        shared, begin = 0, 1  # generate returns the decoder's start token
        cache = {}
        if self.encoder.backbone.family == "decoder_only":
            begin = width  # it returns the prompts
            shared = shared_prefix(rows) if self.shares else 0
            if shared:
                prefix = torch.tensor([rows[0][:shared]], device=self.model.device)
                cache["past_key_values"] = prefix_cache(self.model, prefix)
                cache["past_key_values"].batch_repeat_interleave(len(rows) * self.beams)
        # Padding comes after the shared tokens, so that all prompts end in the last column.
        gaps = [width - len(row) for row in rows]
        ids = [r[:shared] + [pad] * gap + r[shared:] for r, gap in zip(rows, gaps, strict=True)]
        mask = [
            [1] * shared + [0] * gap + [1] * (len(row) - shared)
            for row, gap in zip(rows, gaps, strict=True)
        ]
        written = self.model.generate(
            input_ids=torch.tensor(ids, device=self.model.device),
            attention_mask=torch.tensor(mask, device=self.model.device),
            max_new_tokens=max(budgets),
            stopping_criteria=StoppingCriteriaList([_Budgets(budgets, begin=begin)]),
            num_beams=self.beams,
            do_sample=False,
            pad_token_id=pad,
            eos_token_id=self.encoder.end,
            **cache,
        )
        return [
            self._answer(row[:budget])
            for budget, row in zip(budgets, written[:, begin:].tolist(), strict=True)
        ]

    def _answer(self, ids: list[int]) -> FreeAnswer:
        finished = self.encoder.end in ids
        if finished:
            ids = ids[: ids.index(self.encoder.end)]
        return FreeAnswer(self.encoder.decode(ids), finished, len(ids) + finished)
