"""About what the questions of a test will cost, before any is asked."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from gner_core.config.systems.chat import ChatSystem, Price
from gner_core.records import Sentence, spans_of
from gner_core.systems.chat.prompts import Questioner
from gner_core.systems.chat.spending import expected_tokens, tokens_of


class Expected(NamedTuple):
    """Requests, and their tokens: those of prompts, of right answers, and of the longest answers."""

    calls: int
    prompt_tokens: int
    answer_tokens: int
    most_answer_tokens: int

    def money(self, price: Price) -> tuple[float, float]:
        """Return the price with right answers and with the longest answers."""
        answers = (self.answer_tokens, self.most_answer_tokens)
        return price.of(self.prompt_tokens, answers[0]), price.of(self.prompt_tokens, answers[1])


def expected(system: ChatSystem, sentences: Sequence[Sentence]) -> Expected:
    """Return what it takes to ask about some sentences; equal questions are asked once.

    Tokens are estimated from the length of the texts. Right answers are those that name the gold
    entities.

    Raises:
        InputError: when a file that the system names cannot be used.
    """
    questioner = Questioner(system)
    asked = set[str]()
    prompt = answer = most = 0
    for sentence in sentences:
        questions = questioner.questions(sentence)
        for question, text in zip(questions, _right_answers(system, sentence), strict=True):
            if question.id not in asked:
                asked.add(question.id)
                tokens = expected_tokens(question, answer_tokens=system.answer_tokens)
                prompt, most = prompt + tokens.prompt, most + tokens.answer
                answer += min(tokens_of(text), system.answer_tokens)
    return Expected(len(asked), prompt, answer, most)


def _right_answers(system: ChatSystem, sentence: Sentence) -> list[str]:
    """Return the right answer to every question about a sentence."""
    named: dict[str, list[str]] = {name: [] for name in sentence.types}
    for span in spans_of(sentence.tags):
        named.setdefault(span.label, []).append(" ".join(sentence.words[span.start : span.end]))
    if system.ask == "all":
        return [json.dumps({name: texts for name, texts in named.items() if texts})]
    return [json.dumps(named[name]) for name in sentence.types]
