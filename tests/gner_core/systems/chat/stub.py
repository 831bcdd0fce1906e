"""A stub on loopback for an OpenAI-compatible endpoint: it answers, or fails as it is told to."""

import json
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.gner_core.faulty_server import served

Fault = Callable[["Handler", str], None]
"""Answers a request; gets what was asked."""


@dataclass
class Stub:
    """The endpoint as a test sees it."""

    url: str
    asked: list[str] = field(default_factory=list)
    """The last message of every request, in order."""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    """Are used up first, one a request."""
    reply: Callable[[str], str] = lambda _: "[]"
    behind: str | None = None
    """Address of a real endpoint that answers instead, through this one."""
    stopping: threading.Event = field(default_factory=threading.Event)
    delay: float = 0.0
    """Seconds that an answer takes."""
    open_now: int = 0
    most_open: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def twice(self) -> list[str]:
        """Return what was asked more than once."""
        return [text for text, times in Counter(self.asked).items() if times > 1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Stub

    def do_POST(self) -> None:
        state = self.state
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = body["messages"][-1]["content"]
        with state.lock:
            state.asked.append(asked)
            state.bodies.append(body)
            state.keys.append(self.headers.get("Authorization", ""))
            state.open_now += 1
            state.most_open = max(state.most_open, state.open_now)
            fault = state.faults.pop(0) if state.faults else None
        try:
            state.stopping.wait(state.delay)
            if fault:
                fault(self, asked)
            elif state.behind:
                self.pass_on(state.behind, body)
            else:
                self.json(200, completion(state.reply(asked)))
        finally:
            with state.lock:
                state.open_now -= 1

    def pass_on(self, address: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(
            f"{address}/chat/completions",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=300) as response:
                self.raw(response.status, response.read())
        except urllib.error.HTTPError as error:
            self.raw(error.code, error.read())

    def json(self, status: int, value: Any, **headers: str) -> None:
        self.raw(status, json.dumps(value).encode(), **headers)

    def raw(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def completion(content: str | None, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """Return a response as endpoints give it: 100 tokens of a prompt, 10 of an answer."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "stub-2026-01-01",
        "system_fingerprint": "fp_stub",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, **message},
                "finish_reason": finish,
            }
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }


def answers(content: str | None, finish: str = "stop", **message: Any) -> Fault:
    return lambda handler, _: handler.json(200, completion(content, finish, **message))


def error(status: int, code: str = "", message: str = "sorry", **headers: str) -> Fault:
    body = {"error": {"message": message, "type": code, "param": None, "code": code}}
    return lambda handler, _: handler.json(status, body, **headers)


def garbage(body: bytes = b"<html>busy</html>") -> Fault:
    return lambda handler, _: handler.raw(200, body, Content_Type="text/html")


def silence() -> Fault:
    """Keep the connection open and say nothing."""

    def fault(handler: Handler, _: str) -> None:
        handler.state.stopping.wait(20)
        handler.close_connection = True

    return fault


def hang_up() -> Fault:
    def fault(handler: Handler, _: str) -> None:
        handler.close_connection = True

    return fault


@contextmanager
def stub() -> Iterator[Stub]:
    """Run an endpoint in a thread until the block ends."""
    with served(Handler, lambda url: Stub(f"{url}/v1")) as state:
        try:
            yield state
        finally:
            state.stopping.set()
