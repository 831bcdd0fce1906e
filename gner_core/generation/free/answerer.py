"""Answers prompts in the fastest way that a model allows."""

from collections.abc import Sequence

from transformers import PreTrainedModel

from gner_core.backbones.tokens import Tokens
from gner_core.generation.free.answers import NOTHING, Call, FreeAnswer, Way
from gner_core.generation.free.batches import FreeGenerator
from gner_core.generation.free.greedy import GreedyGenerator
from gner_core.generation.packed.forward import packs


class Answerer:
    """Answers calls with one model."""

    def __init__(
        self, model: PreTrainedModel, encoder: Tokens, *, beams: int, batch: int, way: Way
    ) -> None:
        """Choose how the model writes.

        Args:
            batch: prompts that transformers runs together.
            way: how prompts run; all ways but the first are there for comparison.
        """
        self._batch = batch
        shares = way == "shared"
        greedy = encoder.decoder_only and beams == 1 and packs(model)
        self._generator: GreedyGenerator | FreeGenerator = (
            GreedyGenerator(model, encoder, shares=shares)
            if greedy and way != "transformers"
            else FreeGenerator(model, encoder, beams=beams, shares=shares)
        )

    def __call__(
        self, calls: Sequence[Sequence[Call]], *, common: list[int]
    ) -> list[list[FreeAnswer]]:
        """Return one answer a call.

        Args:
            calls: those of a sentence are a group.
            common: the tokens with which all prompts begin; may be empty.
        """
        if isinstance(self._generator, GreedyGenerator):
            shared: list[list[FreeAnswer]] = self._generator(calls, common=common)
            return shared
        answers = iter(self._in_batches(self._generator, [call for each in calls for call in each]))
        return [[next(answers) for _ in each] for each in calls]

    def _in_batches(self, generator: FreeGenerator, calls: Sequence[Call]) -> list[FreeAnswer]:
        """Answer calls in batches of similar length, with transformers' own generation."""
        order = sorted(range(len(calls)), key=lambda n: len(calls[n].prompt))
        answers = [NOTHING] * len(calls)
        while order:
            some, order = order[: self._batch], order[self._batch :]
            found = generator([calls[n].prompt for n in some], [calls[n].budget for n in some])
            for n, answer in zip(some, found, strict=True):
                answers[n] = answer
        return answers
