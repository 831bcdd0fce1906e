"""Greedy decoding of many prompts, whose shared beginnings run through the model once.

Prompts come in groups, one a sentence. What all prompts begin with is computed once and kept for
the next call, as the guidelines of a corpus; what those of a group begin with is computed once a
group, as the sentence before questions about it. Rows end at their own time, without padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from transformers import PreTrainedModel

from gner_core.backbones.tokens import Tokens, shared_prefix
from gner_core.generation.free.answers import NOTHING, Call, FreeAnswer
from gner_core.generation.packed.cache import GROWTH, RowCache
from gner_core.generation.packed.forward import DecoderOnlyForward, Feed

ROOM = 16
"""Tokens of an answer for which there is room at first."""


@dataclass(slots=True)
class _Row:
    """A prompt with what has been written after it."""

    call: Call
    number: int
    """Which call it is."""
    written: list[int] = field(default_factory=list)

    @property
    def fed(self) -> int:
        """Tokens in the cache; the last one written is not."""
        return len(self.call.prompt) + len(self.written) - 1


class GreedyGenerator:
    """Answers groups of prompts with one decoder-only model."""

    def __init__(self, model: PreTrainedModel, encoder: Tokens, *, shares: bool) -> None:
        """Bind a model whose layers see all tokens before.

        Args:
            shares: False computes every prompt from its first token, for comparison.
        """
        self.model = model.eval()
        self.encoder = encoder
        self.shares = shares
        with torch.inference_mode():
            self.forward = DecoderOnlyForward(self.model, encoder)
        self._common: tuple[list[int], RowCache] | None = None

    @torch.inference_mode()
    def __call__(
        self, groups: Sequence[Sequence[Call]], *, common: list[int]
    ) -> list[list[FreeAnswer]]:
        """Return one answer a call.

        Args:
            groups: calls that probably share a beginning, none of them empty.
            common: the tokens with which all prompts begin; may be empty.
        """
        calls = [call for group in groups for call in group]
        starts = self._begin(groups, common) if self.shares else [0] * len(calls)
        if not self.shares:
            self.forward.cache = self._empty(calls)
        rows = [_Row(call, number) for number, call in enumerate(calls)]
        feeds = [
            Feed(start, call.prompt[start:], [len(call.prompt) - start - 1])
            for start, call in zip(starts, calls, strict=True)
        ]
        answers = self._write(rows, feeds)
        texts = iter(answers)
        return [[next(texts) for _ in group] for group in groups]

    def _begin(self, groups: Sequence[Sequence[Call]], common: list[int]) -> list[int]:
        """Fill a row for every call with what it shares; return how many tokens that are."""
        heads = [_shared(group, len(common)) for group in groups]
        longest = max(heads)
        stems = self.forward.empty(rows=len(groups), columns=max(longest, 1))
        if common:
            stems.fill_all(self._stem(common), [0] * len(groups), len(common))
        longer = [n for n, head in enumerate(heads) if head > len(common)]
        self.forward.cache = stems
        if longer:
            feeds = [
                Feed(len(common), groups[n][0].prompt[len(common) : heads[n]], []) for n in longer
            ]
            self.forward.feed(longer, feeds)
        owners = [n for n, group in enumerate(groups) for _ in group]
        cache = self._empty([call for group in groups for call in group])
        if longest:
            cache.fill_all(stems, owners, longest)
        self.forward.cache = cache
        return [heads[n] for n in owners]

    def _stem(self, tokens: list[int]) -> RowCache:
        """Return keys and values of what all prompts begin with; the last one stays cached."""
        if self._common is None or self._common[0] != tokens:
            cache = self.forward.empty(rows=1, columns=len(tokens))
            self.forward.cache = cache
            self.forward.feed([0], [Feed(0, tokens, [])])
            self._common = tokens, cache
        return self._common[1]

    def _empty(self, calls: Sequence[Call]) -> RowCache:
        room = min(ROOM, max(call.budget for call in calls))
        longest = max(len(call.prompt) for call in calls)
        return self.forward.empty(rows=len(calls), columns=int(GROWTH * (longest + room)))

    def _write(self, rows: Sequence[_Row], feeds: Sequence[Feed]) -> list[FreeAnswer]:
        """Write token by token; rows that go on stay neighbours in the cache."""
        running, answers = list(rows), [NOTHING] * len(rows)
        while running:
            best = self.forward.best(self.forward.feed(range(len(running)), feeds))
            for row, token in zip(running, best, strict=True):
                row.written.append(token)
            for place in reversed(range(len(running))):
                row = running[place]
                ended = row.written[-1] == self.encoder.end
                if not ended and len(row.written) < row.call.budget:
                    continue
                written = row.written[:-1] if ended else row.written
                answers[row.number] = FreeAnswer(
                    self.encoder.decode(written), ended, len(row.written)
                )
                last = running.pop()
                if place < len(running):
                    self.forward.copy(len(running), place, columns=last.fed, prompt=True)
                    running[place] = last
            feeds = [Feed(row.fed, row.written[-1:], [0]) for row in running]
        return answers


def _shared(group: Sequence[Call], at_least: int) -> int:
    """Return how many tokens the prompts of a group share; of a single one, what all share."""
    if len(group) == 1:
        return at_least
    return max(at_least, shared_prefix([call.prompt for call in group]))
