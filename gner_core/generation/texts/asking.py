"""Asks the questions of a text system: its prompts in tokens, and turn by turn what a model answers."""

from collections.abc import Callable, Sequence

from gner_core.backbones.text_encoder import TextEncoder
from gner_core.config.systems.base import TextSystemParams
from gner_core.generation.free.answers import Call, FreeAnswer
from gner_core.systems.registry import text_system

Asked = tuple[Sequence[str], Sequence[str]]
"""The words of a sentence, and the types that are asked for."""
Answers = Callable[[Sequence[Sequence[Call]]], list[list[FreeAnswer]]]
"""Gives one answer a call; the calls of a sentence are a group."""


class Questions:
    """The prompts of a text system, in the tokens of a backbone."""

    def __init__(self, params: TextSystemParams, encoder: TextEncoder) -> None:
        """Make the system.

        Raises:
            InputError: for a file that the params name and that cannot be read.
        """
        self.system = text_system(params)
        self.encoder = encoder
        self.answer_tokens = params.answer_tokens

    def prompts(self, asked: Sequence[Asked]) -> list[list[list[int]]]:
        """Return per sentence the prompts that do not follow an answer."""
        queries = [self.system.queries(words, types) for words, types in asked]
        texts = [[query.prompt for query in each if not query.follows] for each in queries]
        rows = iter(self.encoder.prompts([text for each in texts for text in each]))
        return [[next(rows) for _ in each] for each in texts]

    def size(self, prompts: Sequence[Sequence[int]]) -> int:
        """Return the tokens of prompts and their longest answers."""
        return sum(map(len, prompts)) + self.answer_tokens * len(prompts)

    def room(self, prompt: int) -> int:
        """Return how many tokens may follow a prompt of so many; none where it is over the limits."""
        backbone, most = self.encoder.backbone, self.answer_tokens
        if self.encoder.decoder_only:
            return max(0, min(most, backbone.max_source_tokens - prompt))
        return min(most, backbone.max_target_tokens) if prompt <= backbone.max_source_tokens else 0

    def fits(self, words: Sequence[str], types: Sequence[str]) -> bool:
        """Say whether every prompt, in a conversation all its questions, leaves room for an answer.

        It is the room of a longest answer; that of a conversation is shared by its answers.
        """
        queries = self.system.queries(words, types)
        rows = self.encoder.prompts([query.prompt for query in queries])
        lengths = [len(row) for row in rows]
        later = sum(n for n, query in zip(lengths, queries, strict=True) if query.follows)
        return self.room(max(lengths) + later) == self.room(0)

    def ask(
        self, asked: Sequence[Asked], answers: Answers
    ) -> list[tuple[list[str], list[FreeAnswer]]]:
        """Return for every sentence the texts that were asked, whole, and the answers.

        A conversation ends where its next question leaves no room for an answer.
        """
        queries = [self.system.queries(words, types) for words, types in asked]
        texts = [[query.prompt for query in each if not query.follows] for each in queries]
        found = answers(self._calls(texts))
        going = [*range(len(queries))]
        for turn in range(1, max(map(len, queries))):
            going = [n for n in going if turn < len(queries[n]) and queries[n][turn].follows]
            longer = [f"{texts[n][-1]}{found[n][-1].text}{queries[n][turn].prompt}" for n in going]
            asked_now = zip(going, longer, self._calls([[text] for text in longer]), strict=True)
            fitting = [(n, text, call) for n, text, (call,) in asked_now if call.budget]
            if not fitting:
                break
            said = answers([[call] for _, _, call in fitting])
            for (n, text, _), (answer,) in zip(fitting, said, strict=True):
                texts[n].append(text)
                found[n].append(answer)
            going = [n for n, _, _ in fitting]
        return list(zip(texts, found, strict=True))

    def _calls(self, texts: Sequence[Sequence[str]]) -> list[list[Call]]:
        rows = iter(self.encoder.prompts([text for each in texts for text in each]))
        prompts = [[next(rows) for _ in each] for each in texts]
        return [[Call(row, self.room(len(row))) for row in each] for each in prompts]
