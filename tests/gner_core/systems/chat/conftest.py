"""An endpoint, an engine that asks it, and sentences to ask about."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gner_core.config.systems.chat import ChatExecution, ChatSystem
from gner_core.records import Sentence
from gner_core.systems.chat.engine import ChatEngine
from tests.gner_core.systems.chat.stub import Stub, stub

KEY = "sk-s3cret/S3cret+s3cret="
EXECUTION: dict[str, Any] = {
    "key_variable": "OPENAI_API_KEY",
    "parallel": 1,
    "timeout_seconds": 5.0,
    "attempts": 3,
    "longest_wait_seconds": 2.0,
    "price": None,
    "budget": {"tokens": None, "money": None},
}


def chat_system(root: Path, **changes: Any) -> ChatSystem:
    ask = changes.get("ask", "each")
    values = {
        "kind": "chat",
        "model": "stub",
        "template": str(root / "params" / "systems" / "chat" / f"{ask}.yaml"),
        "ask": ask,
        "type_names": None,
        "answer_tokens": 64,
        "limit_field": "max_completion_tokens",
        "temperature": 0.0,
        "seed": 1,
        "extra": {},
    }
    return ChatSystem.model_validate(values | changes)


def execution(**changes: Any) -> ChatExecution:
    return ChatExecution.model_validate(EXECUTION | changes)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """A stub; the environment holds a key for it."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("gner_core.systems.chat.client.FIRST_PAUSE", 0.01)
    with stub() as state:
        yield state


MakeEngine = Callable[..., ChatEngine]


@pytest.fixture
def engine(endpoint: Stub, tmp_path: Path, root: Path) -> MakeEngine:
    """Make an engine that asks the stub; all engines of a test share a file of answers."""

    def make(*, system: dict[str, Any] | None = None, **changes: Any) -> ChatEngine:
        params = chat_system(root, **{"base_url": endpoint.url, **(system or {})})
        return ChatEngine(params, execution(**changes), kept_in=tmp_path / "responses.jsonl")

    return make


def sentence(text: str, *types: str, name: str = "news/test/0") -> Sentence:
    words = tuple(text.split())
    return Sentence(name, "news", words, ("O",) * len(words), types or ("person", "location"))


@pytest.fixture
def several() -> list[Sentence]:
    """Six sentences, so twelve questions of one type each."""
    return [
        sentence(f"Ada met Bob {number} times", name=f"news/test/{number}") for number in range(6)
    ]
