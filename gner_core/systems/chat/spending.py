"""Tokens and money that questions cost, before and after they are asked."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from gner_core.config.systems.chat import ChatExecution, ChatSystem
from gner_core.systems.chat.answers import Answer
from gner_core.systems.chat.prompts import Question

BYTES_PER_TOKEN = 4
"""Of English text in UTF-8, about, whatever the tokenizer."""
TOKENS_AROUND = 8
"""Of a request, which the endpoint adds to the messages."""


class Tokens(NamedTuple):
    """Tokens of prompts and of answers."""

    prompt: int
    answer: int


def tokens_of(text: str) -> int:
    """Return about how many tokens a text has.

    Example:
        >>> tokens_of("Ada Lovelace waves.")
        5
    """
    return -(-len(text.encode(errors="replace")) // BYTES_PER_TOKEN)


def expected_tokens(question: Question, *, answer_tokens: int) -> Tokens:
    """Return about how many tokens a question has, and how many its answer at most."""
    text = json.dumps(question.body["messages"], ensure_ascii=False)
    return Tokens(tokens_of(text) + TOKENS_AROUND, answer_tokens)


class Spending:
    """What has been spent, and what may be."""

    def __init__(self, system: ChatSystem, execution: ChatExecution) -> None:
        """Start from nothing."""
        self.price, self.budget = execution.price, execution.budget
        self.answer_tokens = system.answer_tokens
        self.prompt = self.answer = 0

    @property
    def money(self) -> float | None:
        """Money so far; None where the price is not known."""
        return self.price.of(self.prompt, self.answer) if self.price else None

    def add(self, question: Question, answer: Answer) -> None:
        """Count an answer; where the endpoint does not, as many tokens as were expected."""
        expected = expected_tokens(question, answer_tokens=self.answer_tokens)
        self.prompt += expected.prompt if answer.prompt_tokens is None else answer.prompt_tokens
        self.answer += expected.answer if answer.answer_tokens is None else answer.answer_tokens

    def allows(self, questions: Iterable[Question]) -> bool:
        """Say whether the budget also holds the longest answers to some questions.

        Args:
            questions: those that are open, and the next one.
        """
        if self.budget.tokens is None and self.budget.money is None:
            return True
        each = [expected_tokens(one, answer_tokens=self.answer_tokens) for one in questions]
        prompt = self.prompt + sum(one.prompt for one in each)
        answer = self.answer + sum(one.answer for one in each)
        if self.budget.tokens is not None and prompt + answer > self.budget.tokens:
            return False
        money = self.price.of(prompt, answer) if self.price else 0.0
        return self.budget.money is None or money <= self.budget.money

    def refusal(self) -> str:
        """Return the message for a budget that does not hold another question."""
        money = "" if self.money is None else f", money {self.money:.4f}"
        limits = {"tokens": self.budget.tokens, "money": self.budget.money}
        budget = ", ".join(f"{name} {limit:,}" for name, limit in limits.items() if limit)
        return (
            f"the budget of the test could be exceeded by the next answer; spent: tokens "
            f"{self.prompt + self.answer:,}{money}; execution.chat.budget: {budget}; raise it and "
            "run this again, which asks no answered question twice"
        )

    def figures(self) -> dict[str, float]:
        """Return what was spent, for progress and summary."""
        known = {} if self.money is None else {"money": round(self.money, 6)}
        return {"prompt_tokens": self.prompt, "answer_tokens": self.answer, **known}
