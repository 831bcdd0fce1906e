"""Runs a server: `python -m gner_core.serving SETTINGS`, the JSON of `Settings`, as `gner serve` does.

SIGTERM and Ctrl-C end it when all requests are answered; a second Ctrl-C ends it at once.
"""

import math
import os
import signal
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import uvicorn

from gner_core.backbones.quiet import without_progress_bars
from gner_core.errors import InputError
from gner_core.predicting.loading.folder import load_folder
from gner_core.runtime.log import say
from gner_core.serving.app import make_app
from gner_core.serving.guard import UPLOAD_SECONDS
from gner_core.serving.settings import Settings, token_for

KEEP_ALIVE_SECONDS = 30


class Server(uvicorn.Server):
    """A server that says when it can be asked."""

    ready = ""
    """What it says then."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets=sockets)
        say(self.ready)


def serve(settings: Settings) -> None:
    """Load the model and answer requests until a signal comes.

    Raises:
        InputError: for a checkpoint that cannot be loaded, an address that cannot be listened on,
            and a network without a token.
    """
    token = token_for(settings.host)
    listener = bound(settings.host, settings.port)  # first: loading may take long
    with without_progress_bars():
        predictor = load_folder(
            Path(settings.checkpoint),
            about=settings.about,
            beams=settings.beams,
            batch=settings.batch,
            device=settings.device,
            dtype=settings.dtype,
            package=Path(settings.package) if settings.package else None,
        )
    config = uvicorn.Config(
        make_app(predictor, settings, token=token),
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.timeout + UPLOAD_SECONDS),
    )
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    server = Server(config)
    server.ready = f"{settings.about.backbone.name}: http://{host}:{listener.getsockname()[1]}/"
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # uvicorn sends itself again what has ended it
    server.run(sockets=[listener])
    if server.force_exit:
        os._exit(128 + signal.SIGINT)  # the model's thread would be waited for


def bound(host: str, port: int) -> socket.socket:
    """Return a socket at an address; it does not listen yet.

    Raises:
        InputError: when the address is not of this machine, or taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with ExitStack() as failed:
            found = failed.enter_context(socket.socket(family, kind, protocol))
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
            failed.pop_all()
            return found
    except OSError as error:
        raise InputError(
            f"cannot listen on {host} port {port} ({error.strerror}); choose another --port or --host"
        ) from None


def main() -> None:
    """Run the server that the command line describes."""
    try:
        serve(Settings.model_validate_json(sys.argv[1]))
    except InputError as error:
        say(str(error))
        sys.exit(2)


if __name__ == "__main__":
    main()
