"""The answers of GLiNER to the sentences of a generation, by its package in a child process."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from gner_core.artifact_files import ANSWERS
from gner_core.backbones.number_format import number_format
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.generation.answering import AnsweringJob
from gner_core.generation.job import GenerateRequest
from gner_core.generation.parts import plan_parts
from gner_core.records import Answered, Sentence
from gner_core.systems.gliner.engine import Gliner, skipped
from gner_core.systems.gliner.environment import command
from gner_core.systems.naming import type_names


class GlinerJob(AnsweringJob):
    """The sentences of a generation in batches by their words; the model tells which are too long."""

    def __init__(self, request: GenerateRequest, params: GlinerSystem) -> None:
        """Read the sentences and plan batches."""
        super().__init__(request)
        self.params = params
        self.names = type_names(params.type_names)
        self.budgets = [
            1 + len(s.words) + len(types)
            for s, types in zip(self.sentences, self.types, strict=True)
        ]
        self.parts = plan_parts(self.budgets, batch=request.batch, tokens=request.batch_tokens)

    def skipped(self, index: int) -> Answered | None:  # noqa: ARG002 (the answers tell)
        """Return None: every sentence has an answer."""
        return None

    def generated(self, part: Sequence[int]) -> list[Answered]:
        """Return the answers to a batch."""
        answers = self._engine.answer([self._asked(index) for index in part])
        sentences = [(self.sentences[index], self.types[index]) for index in part]
        return [
            Answered(
                *(s.id, s.corpus, s.words, s.tags, types),
                outputs=outputs,
                finished=(True,) * len(outputs),
                skipped=skipped(outputs),
                read=0,
                written=0,
            )
            for (s, types), outputs in zip(sentences, answers, strict=True)
        ]

    def finish(self, folder: Path, records: Sequence[Answered]) -> dict[str, Any]:
        """Write answers.parquet; return facts for the summary."""
        self.write(folder / ANSWERS, records)
        left_out = sum(one.skipped is not None for one in records)
        return {
            "sentences": len(records),
            "calls": len(records) - left_out,
            "skipped": left_out,
        }

    def _asked(self, index: int) -> Sentence:
        """Return a sentence with the system's names of its types."""
        s = self.sentences[index]
        names = tuple(self.names.get(kind, kind) for kind in self.types[index])
        return Sentence(s.id, s.corpus, s.words, s.tags, names)

    @cached_property
    def _engine(self) -> Gliner:
        """The child process, which ends with this one."""
        request = self.request
        assert request.package is not None
        return Gliner(
            self.params,
            model=Path(request.model),
            start=command(Path(request.package)),
            batch=request.batch,
            threads=request.threads,
            dtype=number_format(request.backbone, exact=request.exact),
            too_long=request.decode.too_long,
        )
