"""A model that is a rule, and a server of it in a thread of this process."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn

from gner_core.config.checkpoint import VERSION, Description
from gner_core.predicting.finders.finder import Asked, Found
from gner_core.predicting.predictor import Predictor
from gner_core.records import Span
from gner_core.serving.__main__ import bound
from gner_core.serving.app import make_app
from gner_core.serving.settings import Settings
from gner_core.systems.gner.targets import BIO
from tests.gner_core.conftest import backbone

WINDOW = 20
"""Words of the longest window."""
TYPES = ("person", "city")


@dataclass
class StubFinder:
    """Words with a capital or without case are entities; their first letter says of which type."""

    passes: list[list[Asked]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    """A pass waits until it is set."""
    seconds: float = 0.0
    """Of a pass."""
    rated: bool = True
    expected: list[tuple[str, ...]] = field(default_factory=list)

    def fits(self, words: Sequence[str], types: Sequence[str]) -> bool:
        return len(words) <= WINDOW and all(len(word) < 500 for word in words)

    def size(self, words: Sequence[str], types: Sequence[str]) -> int:
        return len(words)

    def expect(self, lists: Sequence[tuple[str, ...]]) -> None:
        self.expected = [*lists]

    def __call__(self, asked: Sequence[Asked]) -> list[Found]:
        self.passes.append([*asked])
        assert self.gate.wait(30)
        time.sleep(self.seconds)
        if any("explode" in words for words, _ in asked):
            raise RuntimeError("the model failed, as it should")
        return [self._found(*one) for one in asked]

    def _found(self, words: Sequence[str], types: Sequence[str]) -> Found:
        entities = {
            Span(n, n + 1, types[ord(word[0]) % len(types)]): (ord(word[-1]) % 10 + 1) / 10
            for n, word in enumerate(words)
            if (word[0].isalpha() and not word[0].islower()) or ord(word[0]) > 0xFFFF
        }
        return Found(entities if self.rated else dict.fromkeys(entities), Counter())

    def words(self) -> list[str]:
        """All words that were decoded."""
        return [word for one in self.passes for words, _ in one for word in words]


def stub_predictor(finder: StubFinder | None = None, *, batch: int = 4) -> Predictor:
    if finder is None:
        finder = StubFinder()
        finder.gate.set()
    about = Description(version=VERSION, backbone=backbone("encoder_decoder"), target=BIO, types=TYPES)  # fmt: skip
    return Predictor(about, finder, batch=batch)


def settings_of(predictor: Predictor, **changes: Any) -> Settings:
    about = predictor.description.model_dump(mode="json")
    given = {
        "checkpoint": "", "about": about, "package": None, "beams": 1, "batch": 1, "device": None,
        "dtype": None, "host": "127.0.0.1", "port": 0, "queue": 8, "timeout": 20, "characters": 50_000,
    }  # fmt: skip
    return Settings.model_validate({**given, **changes})


@contextmanager
def served(
    predictor: Predictor, *, token: str | None = None, **changes: Any
) -> Iterator[tuple[httpx.Client, uvicorn.Server]]:
    """A client of a server, and the server."""
    app = make_app(predictor, settings_of(predictor, **changes), token=token)
    config = uvicorn.Config(app, ws="none", log_level="warning", timeout_graceful_shutdown=30)
    server = uvicorn.Server(config)
    socket = bound("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        address = f"http://127.0.0.1:{socket.getsockname()[1]}"
        with httpx.Client(base_url=address, timeout=60) as client:
            yield client, server
    finally:
        server.should_exit = True
        thread.join()
