"""What every request passes before the application sees it: limits, token, headers, counters.

Written against ASGI itself, so that a request whose client goes away can still be noticed.
"""

import asyncio
import hmac
import json
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gner_core.serving.metrics import OTHER, Metrics
from gner_core.serving.refusals import Refused
from gner_core.strict import JSON

UPLOAD_SECONDS = 20.0
"""In which the body of a request must have come."""
BYTES_A_CHARACTER = 12
"""Of the longest form of a character in JSON."""
ROOM_BYTES = 1 << 16
"""For all of a request but its texts and types."""
GUARDED = ("/v1/", "/metrics")
"""Beginnings of the paths that need the token."""
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Limits(NamedTuple):
    """What is refused."""

    token: str | None
    """That guarded requests must carry."""
    hosts: frozenset[str] | None
    """Names by which the server may be called; None for any. Otherwise a web page could give its own
    name this machine's address, and read answers."""
    characters: int
    """Of a request."""

    def check(self, path: str, headers: Headers) -> None:
        """Check what the head of a request says.

        Raises:
            Refused: for another host, and without the token.
        """
        if self.hosts is not None and _host(headers) not in self.hosts:
            raise Refused(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"this server is called {', '.join(sorted(self.hosts))}",
            )
        if self.token is None or not path.startswith(GUARDED):
            return
        given = headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self.token}".encode()):
            raise Refused(
                HTTPStatus.UNAUTHORIZED,
                "give the token of this server in the header Authorization: Bearer TOKEN",
                www_authenticate="Bearer",
            )

    async def body(self, headers: Headers, receive: Receive) -> bytes | None:
        """Return the whole body of a request, None when its client has gone.

        Raises:
            Refused: for one that is no strict JSON, too large or too slow.
        """
        most = BYTES_A_CHARACTER * self.characters + ROOM_BYTES
        too_large = Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the request is larger than {most:,} bytes; ask about fewer or shorter texts",
        )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > most:
            raise too_large
        pieces: list[bytes] = []
        size, more = 0, True
        try:
            async with asyncio.timeout(UPLOAD_SECONDS):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    pieces.append(message.get("body", b""))
                    size, more = size + len(pieces[-1]), message.get("more_body", False)
                    if size > most:
                        raise too_large
        except TimeoutError:
            raise Refused(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the request did not arrive in {UPLOAD_SECONDS:.0f} seconds",
                connection="close",
            ) from None
        if size and headers.get("content-type", "").split(";")[0].strip() != "application/json":
            raise Refused(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send JSON, with content-type: application/json"
            )
        body = b"".join(pieces)
        if body:
            _check_json(body)
        return body


def _check_json(body: bytes) -> None:
    """Refuse what the application would read otherwise than it is meant, or without a reason."""
    try:
        JSON.decode(body.decode())
    except UnicodeDecodeError as error:
        why = f"not UTF-8 ({error.reason} at byte {error.start})"
    except json.JSONDecodeError as error:
        why = f"{error.msg} at character {error.pos}"
    except ValueError as error:  # a key that is there twice, a number of thousands of digits
        why = str(error)
    except RecursionError:
        why = "nested too deep"
    else:
        return
    raise Refused(HTTPStatus.BAD_REQUEST, f"the body is no JSON for this server: {why}")


class Guard:
    """The outermost layer of an application."""

    def __init__(
        self, app: ASGIApp, *, limits: Limits, metrics: Metrics, paths: Iterable[str]
    ) -> None:
        """Wrap an application; `paths` are those that are counted under their name."""
        self._app, self._limits, self._metrics = app, limits, metrics
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, path = time.monotonic(), scope["path"]
        statuses: list[int] = []

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._answer(scope, receive, send_on)
        if statuses:
            name = path if path in self._paths else OTHER
            self._metrics.answered(name, status=statuses[0], seconds=time.monotonic() - began)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            self._limits.check(scope["path"], headers)
            body = await self._limits.body(headers, receive)
        except Refused as refused:
            await refused.response()(scope, receive, send)
            return
        if body is None:
            self._metrics.given_up()
        else:
            await self._app(scope, _again(body, receive), send)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that first gives a body that was read already."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


def _host(headers: Headers) -> str | None:
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:
        return None
