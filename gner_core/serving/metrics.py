"""What a server counts, in the form of Prometheus."""

import asyncio
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)
"""Upper bounds of the buckets of times."""
WINDOWS = (1, 2, 4, 8, 16, 32, 64, 128)
OTHER = "other"
"""Stands for paths that do not exist."""


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        PlatformCollector(registry=own)
        self._requests = Counter(
            "gner_requests", "Answered requests", ["path", "status"], registry=own
        )
        self._seconds = Histogram(
            "gner_request_seconds",
            "From request to answer",
            ["path"],
            buckets=SECONDS,
            registry=own,
        )
        self._given_up = Counter(
            "gner_requests_given_up", "Whose client closed the connection", registry=own
        )
        self._windows = Histogram(
            "gner_pass_windows", "Windows of text in a pass", buckets=WINDOWS, registry=own
        )
        self._pass_seconds = Histogram(
            "gner_pass_seconds", "Of a pass of the model", buckets=SECONDS, registry=own
        )
        self._entities = Counter("gner_entities", "Entities in answers", registry=own)
        self._unfinished = Gauge(
            "gner_requests_unfinished", "That wait or are decoded", registry=own
        )
        self._tasks = Gauge("gner_tasks", "Of the event loop", registry=own)

    def watch(self, unfinished: Callable[[], int]) -> None:
        """Ask a function how many requests are unfinished."""
        self._unfinished.set_function(unfinished)

    def answered(self, path: str, *, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def given_up(self) -> None:
        """Count a request whose client went away."""
        self._given_up.inc()

    def decoded(self, *, windows: int, seconds: float) -> None:
        """Count a pass of the model."""
        self._windows.observe(windows)
        self._pass_seconds.observe(seconds)

    def found(self, entities: int) -> None:
        """Count entities of an answer."""
        self._entities.inc(entities)

    def text(self) -> bytes:
        """Return all values, as Prometheus reads them; call it in the event loop."""
        self._tasks.set(len(asyncio.all_tasks()))
        return generate_latest(self._registry)
