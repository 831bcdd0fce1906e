"""Asks many questions, several at a time, and keeps every answer before the next one is asked."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

from gner_core.errors import InputError, Stopped
from gner_core.systems.chat.answers import AnswersFile
from gner_core.systems.chat.prompts import Question
from gner_core.systems.chat.spending import Spending

Response = Mapping[str, Any]


class Asking:
    """Questions that wait for a request, and those whose request is open."""

    def __init__(
        self,
        questions: Sequence[Question],
        answers: AnswersFile,
        spending: Spending,
        stopping: threading.Event,
    ) -> None:
        """Ask nothing yet.

        Args:
            stopping: once it is set, no further question is asked.
        """
        self._waiting = deque(questions)
        self._open: dict[Future[Response], Question] = {}
        self._answers, self._spending, self._stopping = answers, spending, stopping

    def run(
        self,
        ask: Callable[[Question], Response],
        *,
        parallel: int,
        on_answer: Callable[[int], object],
    ) -> None:
        """Ask all questions.

        Args:
            ask: called in threads.
            parallel: requests that may be open at the same time.
            on_answer: called with the number of questions that have no answer yet.

        Raises:
            InputError: of the first question that has no answer, or when the budget is spent.
            Stopped: when it is to stop.
        """
        with ThreadPoolExecutor(parallel) as pool:
            try:
                while self._waiting or self._open:
                    while len(self._open) < parallel and self._may_ask():
                        question = self._waiting.popleft()
                        self._open[pool.submit(ask, question)] = question
                    self._keep_next()
                    on_answer(len(self._waiting) + len(self._open))
            except BaseException:  # whatever it is: answers that are on their way are paid for
                self._stopping.set()
                for answered in [*self._open]:
                    with suppress(InputError, Stopped):
                        self._keep(answered)
                raise

    def _may_ask(self) -> bool:
        if not self._waiting or self._stopping.is_set():
            return False
        return self._spending.allows([*self._open.values(), self._waiting[0]])

    def _keep_next(self) -> None:
        """Wait for one answer or more, and keep them."""
        if self._stopping.is_set():
            raise Stopped("no further question is asked")
        if not self._open:
            raise InputError(self._spending.refusal())
        for answered in wait(self._open, return_when=FIRST_COMPLETED).done:
            self._keep(answered)

    def _keep(self, answered: Future[Response]) -> None:
        question = self._open.pop(answered)
        self._spending.add(question, self._answers.keep(question, answered.result()))
