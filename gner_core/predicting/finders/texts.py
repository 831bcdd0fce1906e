"""Text systems: a model answers prompts with strings, which are found in the words."""

from collections.abc import Sequence

from transformers import PreTrainedModel

from gner_core.backbones.text_encoder import TextEncoder
from gner_core.backbones.tokens import shared_prefix
from gner_core.config.systems.base import TextSystemParams
from gner_core.generation.free.answerer import Answerer
from gner_core.generation.free.answers import Call, FreeAnswer
from gner_core.generation.texts.asking import Questions
from gner_core.predicting.faults import CUT_OFF
from gner_core.predicting.finders.finder import Asked, Found, found_in


class TextFinder:
    """Finds entities by greedy decoding."""

    rated = False

    def __init__(
        self, model: PreTrainedModel, encoder: TextEncoder, params: TextSystemParams, *, batch: int
    ) -> None:
        """Bind a model.

        Raises:
            InputError: for a file that the params name and that cannot be read.
        """
        self.questions = Questions(params, encoder)
        self._answerer = Answerer(model, encoder, beams=1, batch=batch, way="shared")

    def fits(self, words: Sequence[str], types: Sequence[str]) -> bool:
        """Say whether all prompts leave room for an answer.

        Raises:
            InputError: for a type of which the system's files say nothing.
        """
        return self.questions.fits(words, types)

    def size(self, words: Sequence[str], types: Sequence[str]) -> int:
        """Return the tokens of all prompts and their longest answers."""
        (prompts,) = self.questions.prompts([(words, types)])
        return self.questions.size(prompts)

    def expect(self, lists: Sequence[tuple[str, ...]]) -> None:
        """Do nothing: only windows of one batch share anything."""

    def __call__(self, asked: Sequence[Asked]) -> list[Found]:
        """Return the entities that the answers name; they have no confidence."""
        found = []
        answered = self.questions.ask(asked, self._answers)
        for (words, types), (_, answers) in zip(asked, answered, strict=True):
            outputs = [answer.text for answer in answers]
            one = found_in(self.questions.system.read(words, types, outputs), {})
            one.faults[CUT_OFF] = sum(not answer.finished for answer in answers)
            found.append(one)
        return found

    def _answers(self, calls: Sequence[Sequence[Call]]) -> list[list[FreeAnswer]]:
        """Answer calls; what the prompts of all windows share runs through the model once."""
        prompts = [call.prompt for group in calls for call in group]
        return self._answerer(calls, common=prompts[0][: shared_prefix(prompts)])
