"""Raw answers of an endpoint, kept in a file of JSON lines before anything is read from them.

A line holds the hash of the question, what it is about, and the response as it came: with the
model's name and fingerprint, the tokens used and why the answer ended. It is on the disk before the
next question is asked, and what a crash leaves of a line is cut off.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import BaseModel, Field, ValidationError

from gner_core.errors import InputError
from gner_core.runtime.files import sync
from gner_core.systems.chat.prompts import Question

Outcome = Literal["complete", "cut_off", "filtered", "refused", "empty"]
WITHHELD = "withheld by the endpoint's filter"
FILTERED = f"<{WITHHELD}>"
"""Stands for a filtered answer among outputs, so that it is never an empty list of entities."""


class Answer(NamedTuple):
    """What a response says.

    `outcome` is cut_off at the token limit, filtered where the endpoint withheld the answer,
    refused where the model declined, empty where there is no text. Tokens are None where the
    endpoint does not count them.
    """

    text: str
    outcome: Outcome
    prompt_tokens: int | None
    answer_tokens: int | None
    model: str
    fingerprint: str


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: object = None
    model: object = None
    system_fingerprint: object = None


def answer_of(response: object) -> Answer | None:
    """Return what a response says; None for what is no chat completion."""
    try:
        completion = _Completion.model_validate(response)
    except ValidationError:
        return None
    choice = completion.choices[0]
    message = choice.message
    text = (message.content or message.refusal or "").encode(errors="replace").decode()
    outcome: Outcome = "complete"
    if choice.finish_reason == "content_filter":
        outcome, text = "filtered", FILTERED
    elif choice.finish_reason == "length":
        outcome = "cut_off"
    elif message.refusal and not message.content:
        outcome = "refused"
    elif not text.strip():
        outcome = "empty"
    return Answer(
        text,
        outcome,
        _count(completion.usage, "prompt_tokens"),
        _count(completion.usage, "completion_tokens"),
        str(completion.model or ""),
        str(completion.system_fingerprint or ""),
    )


def _count(usage: object, name: str) -> int | None:
    """Return a number of tokens; None where the endpoint does not say it."""
    found = usage.get(name) if isinstance(usage, dict) else None
    return found if isinstance(found, int) and found >= 0 else None


def filtered(error: object) -> dict[str, Any]:
    """Return the response that stands for a question which the endpoint's filter refuses."""
    choice = {"message": {"content": None}, "finish_reason": "content_filter"}
    return {"choices": [choice], "error": error}


class AnswersFile:
    """The answers to all questions so far."""

    def __init__(self, path: Path) -> None:
        """Read what is there, cut off half a line, and open the file to add to it.

        Raises:
            InputError: for a line that is no answer.
        """
        self._known: dict[str, Answer] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        end = 0
        for number, line in enumerate(_whole_lines(path), 1):
            end += len(line)
            question, answer = _parsed(line, where=f"{path}, line {number}")
            self._known[question] = answer
        os.ftruncate(self._file, end)
        sync(path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def __contains__(self, question: Question) -> bool:
        return question.id in self._known

    def __getitem__(self, question: Question) -> Answer:
        return self._known[question.id]

    def all(self) -> Iterator[Answer]:
        """Yield all answers, in the order in which they came."""
        yield from self._known.values()

    def keep(self, question: Question, response: Mapping[str, Any]) -> Answer:
        """Write an answer to the disk; only then return what it says.

        Raises:
            OSError: as of a full disk; the file then holds what it held before.
        """
        record = {"question": question.id, "about": question.about, "response": response}
        left = json.dumps(record).encode() + b"\n"
        before = os.fstat(self._file).st_size
        try:
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, before)
            raise
        answer = answer_of(response)
        assert answer is not None, "only answers are kept"
        self._known[question.id] = answer
        return answer

    def counts(self) -> dict[str, Any]:
        """Return how the answers ended, and who gave them."""
        outcomes = Counter(answer.outcome for answer in self.all())
        return {
            **{name: outcomes[name] for name in ("cut_off", "filtered", "refused", "empty")},
            "models": sorted({answer.model for answer in self.all()} - {""}),
            "fingerprints": sorted({answer.fingerprint for answer in self.all()} - {""}),
        }


def _whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as handle:
        for line in handle:
            if line.endswith(b"\n"):
                yield line


def _parsed(line: bytes, *, where: str) -> tuple[str, Answer]:
    try:
        record = json.loads(line)
        question, answer = str(record["question"]), answer_of(record["response"])
    except (ValueError, KeyError, TypeError):
        answer = None
    if answer is None:
        raise InputError(f"{where}: no answer of an endpoint; delete the line to ask again")
    return question, answer
