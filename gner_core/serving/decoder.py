"""The thread that owns the model, and decodes what requests ask for together.

Every pass of the model takes one window of each request, the longest waiting first, and then second
ones while there is room. A request with more windows goes to the back after every pass, so a long text
holds up nobody. Who gave up is left out of the next pass.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from itertools import chain, zip_longest
from threading import Condition, Thread

from gner_core.config.reading.defaults import defaults
from gner_core.errors import InputError
from gner_core.predicting.predictor import Predictor
from gner_core.predicting.requests import TextRequest
from gner_core.serving.job import Job, Window
from gner_core.serving.metrics import Metrics

NEXT_SECONDS, GATHER_SECONDS = 0.005, 0.05
"""A pass waits while one more request comes within so many seconds, and so many in all: clients that
have just got an answer ask again at once."""
ALIKE, SHORT = 4, 512
"""Windows share a pass with the first of them that have at most so many times its tokens, or are short."""
REMEMBERED = 256
"""Windows whose types are expected again."""
PACE = 0.2
"""Weight of the last pass in the mean time of a window."""


LOG = logging.getLogger("gner")


class FullError(Exception):
    """Too many requests wait already."""


class ModelError(Exception):
    """The model failed on a request; the log says how."""


class Decoder:
    """A queue of requests, and the thread that answers them."""

    def __init__(self, predictor: Predictor, *, most: int, metrics: Metrics) -> None:
        """Bind a model, which no one else may use meanwhile.

        Args:
            most: requests that may be unfinished at a time.
        """
        self.predictor, self.metrics, self.most = predictor, metrics, most
        self._jobs: list[Job] = []
        """All unfinished requests."""
        self._arrived = 0
        self._changed = Condition()
        self._stopping = False
        self._works = True
        """Whether the last pass of the model did."""
        self._asked: deque[tuple[str, ...]] = deque(maxlen=REMEMBERED)
        """Types of the last windows."""
        self._pace = 0.0
        """Seconds a window."""
        self._tokens: int = defaults()["execution"]["generate_tokens"]
        self._thread = Thread(target=self._run, name="model", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what was submitted, then end; returns when it has ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether it answers, and the model did not fail last."""
        return self._works and self._thread.is_alive()

    @property
    def unfinished(self) -> int:
        """Requests that wait or are decoded."""
        return len(self._jobs)

    def submit(self, texts: Sequence[TextRequest]) -> Job:
        """Queue a request.

        Raises:
            FullError: when too many wait.
        """
        job = Job(texts)
        with self._changed:
            if len(self._jobs) >= self.most:
                raise FullError
            self._jobs.append(job)
            self._arrived += 1
            self._changed.notify()
        job.future.add_done_callback(lambda _: self._forget(job))
        return job

    def seconds_of_queue(self) -> int:
        """Return how long what waits will probably take, in whole seconds from 1."""
        windows = sum(max(len(job.waiting), 1) for job in [*self._jobs])
        return max(1, math.ceil(windows * self._pace))

    def _forget(self, job: Job) -> None:
        with self._changed, suppress(ValueError):
            self._jobs.remove(job)

    def _run(self) -> None:
        while self._wait():
            jobs = [*self._jobs]
            for job in jobs:
                if not job.prepared:
                    self._prepare(job)
            chosen = self._choose(job for job in jobs if not job.future.done())
            if chosen:
                self._decode(chosen)
            self._finish(jobs, {window.job for window in chosen})

    def _wait(self) -> bool:
        """Wait for requests; False once it is to end and all are answered."""
        with self._changed:
            while not self._jobs:
                if self._stopping:
                    return False
                self._changed.wait()
            until = time.monotonic() + GATHER_SECONDS
            while not self._stopping and self._windows() < self.predictor.batch:
                arrived = self._arrived
                self._changed.wait(NEXT_SECONDS)
                if self._arrived == arrived or time.monotonic() > until:
                    break
            return True

    def _windows(self) -> int:
        return sum(len(job.waiting) if job.prepared else len(job.texts) for job in self._jobs)

    def _prepare(self, job: Job) -> None:
        try:
            job.prepare(self.predictor)
        except Exception as error:  # noqa: BLE001 (whatever it is, the next request may do well)
            job.fail(_told(error))

    def _choose(self, jobs: Iterable[Job]) -> list[Window]:
        """Return the windows of the next pass."""
        rounds = zip_longest(*(job.waiting for job in jobs))
        in_order = (window for window in chain.from_iterable(rounds) if window)
        chosen: list[Window] = []
        for window in in_order:
            first = chosen[0] if chosen else window
            largest = max(window.size, *(one.size for one in chosen), 0)
            alike = window.size <= max(SHORT, ALIKE * first.size)
            if not chosen or (alike and largest * (len(chosen) + 1) <= self._tokens):
                chosen.append(window)
            if len(chosen) == self.predictor.batch:
                break
        return chosen

    def _decode(self, chosen: Sequence[Window]) -> None:
        """Decode windows together; when that fails, each alone, so that only the faulty one fails."""
        began = time.monotonic()
        self._asked.extend(window.asked[1] for window in chosen)
        try:
            self.predictor.expect(self._asked)
            found = self.predictor.find([window.asked for window in chosen])
        except Exception as error:  # noqa: BLE001 (whatever it is, the next request may do well)
            self._decode_alone(chosen, error)
            return
        self._works = True
        seconds = time.monotonic() - began
        self._pace += PACE * (seconds / len(chosen) - self._pace)
        self.metrics.decoded(windows=len(chosen), seconds=seconds)
        for window, one in zip(chosen, found, strict=True):
            window.job.take(window, one)

    def _decode_alone(self, failed: Sequence[Window], error: Exception) -> None:
        (first, *others) = failed
        if others:
            for window in failed:
                if not window.job.future.done():
                    self._decode([window])
            return
        self._works = isinstance(error, InputError)
        first.job.fail(_told(error))

    def _finish(self, jobs: Sequence[Job], served: AbstractSet[Job]) -> None:
        """Answer what is complete; the others had their turn, and go behind all that wait."""
        for job in jobs:
            if not job.waiting and not job.future.done():
                try:
                    job.answer()
                except Exception as error:  # noqa: BLE001 (the thread must not end by it)
                    job.fail(_told(error))
        with self._changed:
            self._jobs.sort(key=lambda job: job in served)  # stable


def _told(error: Exception) -> Exception:
    """Return the fault of a request; what is no fault of its input is logged."""
    if isinstance(error, InputError):
        return error
    LOG.error("the model failed", exc_info=error)
    return ModelError()
