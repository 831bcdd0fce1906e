"""Generation for a text system: its prompts, in batches of sentences, and the answers to them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

from gner_core.artifact_files import ANSWERS
from gner_core.backbones.load import load_tokenizer
from gner_core.backbones.text_encoder import TextEncoder
from gner_core.backbones.tokens import shared_prefix
from gner_core.config.systems.base import TextSystemParams
from gner_core.errors import InputError
from gner_core.generation.answering import AnsweringJob
from gner_core.generation.free.answerer import Answerer
from gner_core.generation.free.answers import FreeAnswer, Way
from gner_core.generation.job import TOO_LONG, GenerateRequest
from gner_core.generation.parts import plan_parts
from gner_core.generation.texts.asking import Questions
from gner_core.records import Answered

SENTENCES_AT_ONCE = 64
"""Sentences whose prompts are tokenized together."""


class TextJob(AnsweringJob):
    """The sentences of a generation with the lengths of their prompts, and their batches."""

    def __init__(
        self, request: GenerateRequest, params: TextSystemParams, *, way: Way = "shared"
    ) -> None:
        """Read tokenizer and sentences, and plan batches of sentences of one corpus.

        Args:
            way: how prompts run; all ways but the first are there for comparison.

        Raises:
            InputError: for an unusable tokenizer or system, and for a sentence over the limits
                where `too_long` is "error".
        """
        super().__init__(request)
        self.encoder = TextEncoder(load_tokenizer(Path(request.model)), request.backbone)
        self.questions = Questions(params, self.encoder)
        self.way = way
        self.common: dict[str, list[int]] = {}
        """Corpus → the tokens with which all its prompts begin."""
        self.budgets, sizes = [], []
        for index, prompts in enumerate(self._all_prompts()):
            self._note_common(self.sentences[index].corpus, prompts)
            self.budgets.append(self._budget(index, prompts))
            sizes.append(self.questions.size(prompts))
        of_corpora: dict[str, list[int]] = defaultdict(list)
        for index, budget in enumerate(self.budgets):
            if budget:
                of_corpora[self.sentences[index].corpus].append(index)
        self.parts = [
            [members[n] for n in part]
            for members in of_corpora.values()
            for part in plan_parts(
                [sizes[n] for n in members], batch=request.batch, tokens=request.batch_tokens
            )
        ]

    def skipped(self, index: int) -> Answered | None:
        """Return the empty answers of a sentence over the limits, or without types; else None."""
        if self.budgets[index]:
            return None
        return self._answered(index, [], [], skipped=TOO_LONG if self.types[index] else None)

    def finish(self, folder: Path, records: Sequence[Answered]) -> dict[str, Any]:
        """Write answers.parquet; return facts for the summary."""
        self.write(folder / ANSWERS, records)
        return {
            "sentences": len(records),
            "calls": sum(len(one.outputs) for one in records),
            "prompt_tokens": sum(one.read for one in records),
            "answer_tokens": sum(one.written for one in records),
            "cut_off": sum(one.finished.count(False) for one in records),
            "skipped": sum(one.skipped is not None for one in records),
        }

    def generated(self, part: Sequence[int]) -> list[Answered]:
        """Ask all questions about the sentences of a batch, turn by turn where they follow."""
        common = self.common[self.sentences[part[0]].corpus]
        asked = [(self.sentences[n].words, self.types[n]) for n in part]
        found = self.questions.ask(asked, partial(self._answerer, common=common))
        return [
            self._answered(index, texts, answers)
            for index, (texts, answers) in zip(part, found, strict=True)
        ]

    def _all_prompts(self) -> Iterable[list[list[int]]]:
        """Yield per sentence the prompts, in tokens, that do not follow an answer."""
        pairs = ((s.words, types) for s, types in zip(self.sentences, self.types, strict=True))
        while some := list(islice(pairs, SENTENCES_AT_ONCE)):
            yield from self.questions.prompts(some)

    def _note_common(self, corpus: str, prompts: Sequence[list[int]]) -> None:
        known = self.common.get(corpus)
        rows = [*prompts, *([] if known is None else [[*known, -1]])]
        if rows:  # there are none without types
            self.common[corpus] = rows[0][: shared_prefix(rows)]

    def _budget(self, index: int, prompts: Sequence[list[int]]) -> int:
        """Return the tokens of a longest answer, 0 where there is none."""
        if not self.types[index]:
            return 0
        longest = max(map(len, prompts))
        room = self.questions.room(longest)
        if not room and self.request.decode.too_long == "error":
            raise InputError(
                f"{self.sentences[index].id}: a prompt of {longest} tokens leaves no room for an "
                "answer in the backbone's limits; set decode.too_long: skip, or cut_at_words in "
                "the corpus"
            )
        return room

    def _answered(
        self,
        index: int,
        asked: Sequence[str],
        answers: Sequence[FreeAnswer],
        *,
        skipped: str | None = None,
    ) -> Answered:
        s = self.sentences[index]
        known = (s.id, s.corpus, s.words, s.tags, self.types[index])
        return Answered(
            *known,
            outputs=tuple(answer.text for answer in answers),
            finished=tuple(answer.finished for answer in answers),
            skipped=skipped,
            read=sum(map(len, self.encoder.prompts(asked))) if asked else 0,
            written=sum(answer.tokens for answer in answers),
        )

    @cached_property
    def _answerer(self) -> Answerer:
        beams, batch = self.request.decode.beams, self.request.batch
        return Answerer(self.model, self.encoder, beams=beams, batch=batch, way=self.way)
