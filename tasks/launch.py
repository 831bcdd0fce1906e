"""Runs the child processes of import, training and generation.

Owns the warm parent of the workers (`gner_core.warm`), their log files, passing progress on while
they run, and turning their end into a result or an error. Does not own what a worker does.

Example:
    with Workers() as workers:
        result = workers.run("gner_core.training.worker", request, on_event=print)
"""

import atexit
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gner_core.errors import InputError, Stopped
from gner_core.machine import USAGE
from gner_core.worker import PROGRESS, REQUEST, RESULT

POLL_SECONDS = 0.3
LOG = "worker.log"
SERVER_ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",
    "TOKENIZERS_PARALLELISM": "false",  # its threads would not survive the fork
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # asks for GPUs without touching CUDA before the fork
}
Event = dict[str, Any]


class Tail:
    """The lines that a file gets from now on, each once and as a whole."""

    def __init__(self, path: Path) -> None:
        """Begin at the end of the file, which may not exist yet."""
        path.touch()
        self._path = path
        self._at = path.stat().st_size

    def new(self) -> Iterator[str]:
        """Yield the lines that were finished since the last call."""
        with self._path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if line.endswith(b"\n"):
                    self._at += len(line)
                    yield line.decode(errors="replace")


_AHEAD: list[subprocess.Popen[bytes]] = []
"""The parent that `start_ahead` has started, until workers take it."""


def start_ahead() -> None:
    """Start the parent of the workers before anything else is imported, for the first to want it.

    Where nobody does, it is killed when this process ends.
    """
    atexit.register(_end_ahead)
    _AHEAD.append(_start_parent())


def _end_ahead() -> None:
    for server in _AHEAD:
        server.kill()


def _start_parent() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "gner_core.warm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, **SERVER_ENVIRONMENT},
    )


class Workers:
    """Starts workers; when it is closed, or this process dies, all of them end."""

    def __init__(self) -> None:
        """Nothing is started before `warm_up` or the first `run`."""
        self._server: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._started_any = False
        self._codes: dict[int, int] = {}
        self.stopping = threading.Event()
        """Set once all work is to end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()
        if self._server:
            if not self._started_any:
                self._server.kill()  # it has no worker to end, and may still be importing
            self._server.wait()

    def warm_up(self) -> None:
        """Start the parent of the workers, which imports for some seconds, without waiting.

        One that has died is followed by another.
        """
        with self._lock:
            if self._server is None or self._server.poll() is not None:
                self._server = _AHEAD.pop() if _AHEAD else _start_parent()
                threading.Thread(target=self._listen, args=(self._server,), daemon=True).start()

    def stop(self) -> None:
        """Let all `run` calls fail and tell their workers to end, without waiting for them."""
        self.stopping.set()
        with self._lock:
            if self._server and self._server.stdin:
                self._server.stdin.close()

    def run(
        self,
        module: str,
        request: Mapping[str, Any],
        *,
        on_event: Callable[[Event], None],
        on_line: Callable[[str], object] = len,
    ) -> dict[str, Any]:
        """Run a worker module with a request; return the result that it wrote.

        Args:
            module: a module with a function `main(path of the request)`.
            request: JSON values; `scratch` names the folder of request, progress, result and log.
            on_event: called with every new progress event, in order.
            on_line: called with every line that the worker adds to its log; by default nothing
                is done with it.

        Raises:
            InputError: with the worker's own message, when the input was at fault.
            RuntimeError: when the worker died; names its log and shows the end of it.
            Stopped: when it was ended because this object was told to stop.
        """
        scratch = Path(request["scratch"])
        (scratch / RESULT).unlink(missing_ok=True)
        (scratch / REQUEST).write_text(json.dumps(dict(request), indent=1))
        number = next(self._numbers)
        order = {
            "id": number,
            "module": module,
            "request": str(scratch / REQUEST),
            "log": str(scratch / LOG),
            "usage": str(scratch / USAGE),
        }
        events, lines = Tail(scratch / PROGRESS), Tail(scratch / LOG)
        server = self._send(order)
        while True:
            code = self._code(number, server)  # first: what was written before it is passed on
            for event in events.new():
                with suppress(json.JSONDecodeError):  # half a line, written on a full disk
                    on_event(json.loads(event))
            for line in lines.new():
                on_line(line)
            if code is not None:
                return _result(scratch, code)
            if self.stopping.wait(POLL_SECONDS):
                raise Stopped(f"{module} was stopped")

    def _code(self, number: int, server: "subprocess.Popen[bytes]") -> int | None:
        """Return the exit code of a worker, None while it runs."""
        if number in self._codes:
            return self._codes.pop(number)
        if server.poll() is not None:
            return self._codes.pop(number, -1)  # the parent died, and its workers with it
        return None

    def _send(self, order: Mapping[str, Any]) -> "subprocess.Popen[bytes]":
        """Give an order; return the parent that follows it."""
        self.warm_up()
        with self._lock:
            if self.stopping.is_set():
                raise Stopped("no worker is started any more")
            self._started_any = True
            assert self._server is not None
            assert self._server.stdin is not None
            self._server.stdin.write(json.dumps(dict(order)).encode() + b"\n")
            self._server.stdin.flush()
            return self._server

    def _listen(self, server: "subprocess.Popen[bytes]") -> None:
        assert server.stdout is not None
        for line in server.stdout:
            answer = json.loads(line)
            self._codes[answer["id"]] = answer["code"]


def _result(scratch: Path, code: int) -> dict[str, Any]:
    if not (scratch / RESULT).exists():
        log = scratch / LOG
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        end = "\n".join(lines[-15:])
        raise RuntimeError(f"worker ended with code {code}; its log {log} ends with:\n{end}")
    result: dict[str, Any] = json.loads((scratch / RESULT).read_text())
    if not result["ok"]:
        raise InputError(result["error"])
    return result
