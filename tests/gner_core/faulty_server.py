"""A small HTTP server on loopback that serves files with ranges, and fails as it is told to."""

import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

Fault = Callable[["Handler", bytes], None]
S = TypeVar("S")


@dataclass
class Asked:
    """One request as the server saw it."""

    path: str
    query: str
    range: str | None
    sent: int = 0


@dataclass
class FaultyServer:
    """Files by path, and faults that are used up one request at a time."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, Iterator[Fault]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    ranges: bool = True

    def fail(self, path: str, *faults: Fault) -> None:
        """Answer the next requests for `path` with these faults, then serve the file."""
        self.faults[path] = iter(faults)

    def always(self, path: str, fault: Fault) -> None:
        """Answer every request for `path` with this fault."""
        self.faults[path] = repeat(fault)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: FaultyServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        self.asked = Asked(path, parts.query, self.headers.get("Range"))
        self.state.asked.append(self.asked)
        fault = next(self.state.faults.get(path, iter(())), None)
        body = self.state.files.get(path)
        if fault is not None:
            fault(self, body or b"")
        elif body is None:
            self.answer(404, b"not here")
        else:
            self.serve(body)

    def serve(self, body: bytes, *, length: int | None = None, whole: int | None = None) -> None:
        """Serve a body or the range asked for; `length` lies, `whole` cuts."""
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        status, headers, start = 200, {"ETag": etag}, 0
        same = self.headers.get("If-Range", etag) == etag
        if self.state.ranges and self.asked.range and same:
            start = int(self.asked.range.removeprefix("bytes=").rstrip("-"))
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        size = len(body) - start if length is None else length
        self.answer(status, body[start:whole], size=size, headers=headers)

    def answer(
        self,
        status: int,
        body: bytes = b"",
        *,
        size: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        size = len(body) if size is None else size
        for name, value in {"Content-Length": str(size), **(headers or {})}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self.asked.sent = len(body)
        if size != len(body):
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Say nothing: failing is what this server is for."""


def status(code: int, **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, _: handler.answer(code, b"sorry", headers=named)


def truncated(after: int) -> Fault:
    """Promise the whole body and close the connection after some bytes of it."""
    return lambda handler, body: handler.serve(body, whole=after)


def wrong_bytes() -> Fault:
    return lambda handler, body: handler.serve(bytes(byte ^ 1 for byte in body))


def too_long() -> Fault:
    return lambda handler, body: handler.serve(body + b"more")


def stall(after: int) -> Fault:
    def fault(handler: Handler, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:after])
        handler.wfile.flush()
        handler.state.stopping.wait(10)
        handler.close_connection = True

    return fault


def redirect(to: str) -> Fault:
    return lambda handler, _: handler.answer(302, headers={"Location": to})


class QuietServer(ThreadingHTTPServer):
    """Says nothing about clients that hang up."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def served(handler: type[BaseHTTPRequestHandler], state_of: Callable[[str], S]) -> Iterator[S]:
    """Run a server in a thread until the block ends; `state_of` makes its state of its URL."""
    bound: Any = type("BoundHandler", (handler,), {})
    httpd = QuietServer(("127.0.0.1", 0), bound)
    bound.state = state_of(f"http://127.0.0.1:{httpd.server_port}")
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield bound.state
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


@contextmanager
def faulty_server() -> Iterator[FaultyServer]:
    """Run a server that serves files until the block ends."""
    with served(Handler, FaultyServer) as state:
        try:
            yield state
        finally:
            state.stopping.set()
