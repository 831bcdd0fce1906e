"""Chat as an engine: it asks an endpoint about sentences, several questions at a time."""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

from gner_core.config.systems.chat import ChatExecution, ChatSystem
from gner_core.records import Answered, Sentence
from gner_core.systems.chat.answers import WITHHELD, Answer, AnswersFile
from gner_core.systems.chat.asking import Asking
from gner_core.systems.chat.client import Endpoint
from gner_core.systems.chat.prompts import Question, Questioner
from gner_core.systems.chat.spending import Spending
from gner_core.systems.interface import Reading
from gner_core.systems.registry import reader

Progress = Callable[[int, int, dict[str, float]], None]
"""Is called with answered questions, all questions, and what they cost so far."""


class ChatEngine:
    """An endpoint whose answers are kept in a file; what the file holds is not asked again.

    It takes and gives our types; the endpoint sees the system's names for them.
    """

    def __init__(
        self,
        params: ChatSystem,
        execution: ChatExecution,
        *,
        kept_in: Path,
        progress: Progress = lambda *_: None,
    ) -> None:
        """Read the template and the names of types; nothing is asked yet.

        Args:
            kept_in: JSON lines of all answers, also those of earlier attempts.

        Raises:
            InputError: when one of the files cannot be used.
        """
        self._reader = reader(params)
        self._questioner = Questioner(params)
        self._params, self._execution = params, execution
        self._kept_in, self._progress = kept_in, progress
        self._stopping = threading.Event()
        self.summary: dict[str, Any] = {}
        """How the last call of `answered` went: requests, how answers ended, tokens, money."""

    def stop(self) -> None:
        """Ask nothing more: `answer` keeps the answers to open questions and ends."""
        self._stopping.set()

    def answer(self, sentences: Sequence[Sentence]) -> list[tuple[str, ...]]:
        """Return the outputs for every sentence, as `answered`."""
        return [one.outputs for one in self.answered(sentences)]

    def answered(self, sentences: Sequence[Sentence]) -> list[Answered]:
        """Return the answers to every sentence, one a question; a filtered one is `FILTERED`.

        Raises:
            InputError: when the endpoint does not answer, or the budget is spent; all answers
                until then are kept.
            Stopped: after `stop`.
        """
        asked = [self._questioner.questions(sentence) for sentence in sentences]
        every: dict[str, Question] = {}
        for question in chain.from_iterable(asked):
            every.setdefault(question.id, question)
        spending = Spending(self._params, self._execution)
        with AnswersFile(self._kept_in) as answers:
            left = [question for question in every.values() if question not in answers]
            for question in every.values():
                if question in answers:
                    spending.add(question, answers[question])
            self._progress(len(every) - len(left), len(every), spending.figures())
            if left:
                self._ask_all(left, answers, spending, total=len(every))
            resumed = {"calls": len(every), "resumed_from": len(every) - len(left)}
            self.summary = resumed | answers.counts() | spending.figures()
            return [
                _answered(sentence, [answers[question] for question in several])
                for sentence, several in zip(sentences, asked, strict=True)
            ]

    def read(self, words: Sequence[str], types: Sequence[str], outputs: Sequence[str]) -> Reading:
        """Return the entities that the outputs for a sentence name."""
        return self._reader.read(words, types, outputs)

    def _ask_all(
        self, left: Sequence[Question], answers: AnswersFile, spending: Spending, *, total: int
    ) -> None:
        with closing(Endpoint(self._params, self._execution, self._stopping)) as endpoint:
            Asking(left, answers, spending, self._stopping).run(
                endpoint.ask,
                parallel=self._execution.parallel,
                on_answer=lambda open_: self._progress(total - open_, total, spending.figures()),
            )


def _answered(sentence: Sentence, answers: Sequence[Answer]) -> Answered:
    withheld = bool(answers) and all(one.outcome == "filtered" for one in answers)
    return Answered(
        sentence.id,
        sentence.corpus,
        sentence.words,
        sentence.tags,
        sentence.types,
        outputs=tuple(one.text for one in answers),
        finished=tuple(one.outcome != "cut_off" for one in answers),
        skipped=WITHHELD if withheld else None,
        read=sum(one.prompt_tokens or 0 for one in answers),
        written=sum(one.answer_tokens or 0 for one in answers),
    )
