"""A request on its way through the model."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from gner_core.predicting.finders.finder import Asked, Found
from gner_core.predicting.predictor import Predictor
from gner_core.predicting.prepared import Answer, Prepared
from gner_core.predicting.requests import TextRequest


@dataclass(eq=False, slots=True)
class Window:
    """A window of a text of a job."""

    job: "Job"
    asked: Asked
    """Its words and types."""
    size: int
    """Its work, in tokens."""
    found: Found | None = None
    """Once it is decoded."""


class Job:
    """The texts of one request. All but its future belongs to the thread of the model."""

    def __init__(self, texts: Sequence[TextRequest]) -> None:
        """Begin with texts that were not looked at."""
        self.texts = texts
        self.future: Future[list[Answer]] = Future()
        """Gets the answers in the order of the texts; whoever waits for them may cancel it."""
        self.waiting: deque[Window] = deque()
        """Windows that are still to be decoded."""
        self.prepared = False
        self._texts: list[tuple[Prepared, list[Window]]] = []

    def prepare(self, predictor: Predictor) -> None:
        """Cut the texts into windows.

        Raises:
            InputError: for texts or types that the model does not take.
        """
        self.prepared = True
        for number, text in enumerate(self.texts, start=1):
            one = predictor.prepare(text, name=f"text {number}")
            pairs = zip(one.asked, one.sizes, strict=True)
            self._texts.append((one, [Window(self, asked, size) for asked, size in pairs]))
            self.waiting += self._texts[-1][1]

    def take(self, window: Window, found: Found) -> None:
        """Note what was found in a window."""
        window.found = found
        self.waiting.remove(window)

    def answer(self) -> None:
        """Answer, unless nobody waits any more."""
        answers = [
            one.answer([window.found for window in windows if window.found])
            for one, windows in self._texts
        ]
        if self.future.set_running_or_notify_cancel():
            self.future.set_result(answers)

    def fail(self, error: Exception) -> None:
        """Answer with a fault, unless nobody waits any more."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)
