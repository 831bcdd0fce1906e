"""Runs the child processes of import, training and generation, forks of one fork server."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gner_core.errors import InputError, Stopped
from gner_core.runtime.files import read_json
from gner_core.runtime.grace import GRACE, grace_seconds
from gner_core.runtime.machine import USAGE
from gner_core.runtime.worker import PROGRESS, REQUEST, RESULT

POLL_SECONDS = 0.1
FULL_BYTES = 1 << 20
"""Free space below which a disk is full: a worker may then die without a word."""
SECONDS_BETWEEN_LINES = 10.0
"""Of progress, where there is no terminal; also while a worker says nothing."""
LOG = "worker.log"
PRELOADED = (
    "gner_core.backbones.worker",
    "gner_core.training.worker",
    "gner_core.generation.worker",
)
"""Modules that the fork server imports before its first job."""
SERVER_ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",
    "TOKENIZERS_PARALLELISM": "false",  # its threads would not survive the fork
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # asks for GPUs without touching CUDA before the fork
}
WAITING = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}
"""Threads of a worker that wait for each other sleep after microseconds (GNU's and Intel's OpenMP),
else two workers on the same cores would stop each other. A user's own settings go first."""
Event = dict[str, Any]


class TimeLeft:
    """Reckons the time that a worker still needs from the share of the work that it has done."""

    def __init__(self) -> None:
        """Begin with the first event."""
        self._first: tuple[float, float] | None = None

    def __call__(self, event: Event) -> str:
        """Return the time left after an event, in words; nothing while it is not known."""
        time_now, share = event["time"], event["share"]
        self._first = self._first or (time_now, share)
        done = share - self._first[1]
        if done <= 0:
            return ""
        seconds = (time_now - self._first[0]) / done * (1 - share)
        return f"{timedelta(seconds=round(seconds))} left"


class Tail:
    """The complete lines that are added to a file from now on."""

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


class ForkServer:
    """The process whose forks are the workers, and a thread that reads how they end."""

    def __init__(self, preloaded: Sequence[str]) -> None:
        """Start the process; its imports take some seconds and are not waited for."""
        answers, child_end = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gner_core.runtime.fork_server", str(child_end), *preloaded],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=2,  # joins standard error: what a library prints is no answer
            pass_fds=(child_end,),
            start_new_session=True,
            env={**WAITING, **os.environ, **SERVER_ENVIRONMENT, GRACE: str(grace_seconds())},
        )
        os.close(child_end)
        assert self._process.stdin is not None
        self._jobs = self._process.stdin
        self._used = False
        self._codes: dict[int, int] = {}
        self._unreadable = ""
        self._listener = threading.Thread(target=self._listen, args=(answers,), daemon=True)
        self._listener.start()

    def is_alive(self) -> bool:
        """Say whether more answers can come; if not, all that came have been read."""
        return self._listener.is_alive()

    def fork(self, job: Mapping[str, Any]) -> None:
        """Start a worker (`gner_core.runtime.fork_server` says what a job is)."""
        self._used = True
        with suppress(BrokenPipeError):  # it has died, which `end_of` reports
            self._jobs.write(json.dumps(dict(job)).encode() + b"\n")

    def end_of(self, number: int) -> str | None:
        """Return how the worker of a job or the fork server ended; None while it runs."""
        alive = self.is_alive()  # first: an answer may come between the two
        if number in self._codes:
            return f"the worker ended with code {self._codes.pop(number)}"
        if alive:
            return None
        return f"the fork server {self._unreadable or f'ended with code {self._process.wait()}'}"

    def end(self) -> None:
        """Tell it to end its workers and itself, without waiting."""
        self._jobs.close()
        if not self._used:
            self.kill()  # it may still be importing

    def kill(self) -> None:
        """End it at once; its workers then end themselves."""
        self._process.kill()

    def wait(self) -> None:
        """Wait for its end."""
        self._process.wait()

    def _listen(self, answers: int) -> None:
        try:
            with os.fdopen(answers) as lines:
                for line in lines:
                    answer = json.loads(line)
                    self._codes[answer["id"]] = answer["code"]
        except Exception as error:  # noqa: BLE001 (whatever it is, it fails all who wait)
            self._unreadable = f"gave an answer that cannot be read: {error!r}"
        finally:
            self.kill()


_AHEAD: list[ForkServer] = []
"""What `started_ahead` has started, until `Workers` take it."""


@contextmanager
def started_ahead(preloaded: Sequence[str] = PRELOADED) -> Iterator[None]:
    """Start a fork server before anything else is imported; the first `Workers` inside take it.

    If none do, it ends with the block.
    """
    server = ForkServer(preloaded)
    _AHEAD.append(server)
    try:
        yield
    finally:
        if server in _AHEAD:
            _AHEAD.remove(server)
            server.end()
            server.wait()


class Workers:
    """Starts workers; when it is closed, or this process dies, all of them end."""

    def __init__(self) -> None:
        """Start nothing before `start_server` or the first `run`."""
        self._server: ForkServer | None = None
        self._lock = threading.Lock()
        self._numbers = count(1)
        self.stopping = threading.Event()
        """Set once all work is to end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()
        if self._server:
            self._server.wait()

    def start_server(self) -> None:
        """Start the fork server, without waiting for its imports, or another where it has died."""
        with self._lock:
            self._running_server()

    def stop(self) -> None:
        """Let all `run` calls fail and tell their workers to end, without waiting for them."""
        self.stopping.set()
        with self._lock:
            if self._server:
                self._server.end()

    def run(
        self,
        module: str,
        request: Mapping[str, Any],
        *,
        on_event: Callable[[Event], object] = len,
        on_line: Callable[[str], object] = len,
    ) -> dict[str, Any]:
        """Run a worker module with a request; return the result that it wrote.

        Args:
            module: a module with a function `main(path of the request)`.
            request: JSON values; `scratch` names the folder of request, progress, result and log.
            on_event: called with every new progress event, in order.
            on_line: called with every line that the worker adds to its log.

        Raises:
            InputError: with the worker's own message, when the input was at fault.
            RuntimeError: when the worker or the fork server died; shows the end of the log.
            Stopped: when it was ended because this object was told to stop.
        """
        scratch = Path(request["scratch"])
        (scratch / RESULT).unlink(missing_ok=True)
        (scratch / REQUEST).write_text(json.dumps(dict(request), indent=1))  # in ASCII: any path
        number = next(self._numbers)
        job = {
            "id": number,
            "module": module,
            "request": str(scratch / REQUEST),
            "log": str(scratch / LOG),
            "usage": str(scratch / USAGE),
        }
        events, lines = Tail(scratch / PROGRESS), Tail(scratch / LOG)
        server = self._fork(job)
        while True:
            end = server.end_of(number)  # first: what was written before it is passed on
            for event in events.new():
                with suppress(json.JSONDecodeError):  # half a line, written on a full disk
                    on_event(json.loads(event))
            for line in lines.new():
                on_line(line)
            if end is not None:
                return _result(scratch, end)
            if self.stopping.wait(POLL_SECONDS):
                raise Stopped(f"{module} was stopped")

    def _fork(self, job: Mapping[str, Any]) -> ForkServer:
        """Start a worker; return the server that it is a fork of."""
        with self._lock:
            if self.stopping.is_set():
                raise Stopped("no worker is started any more")
            server = self._running_server()
            server.fork(job)
            return server

    def _running_server(self) -> ForkServer:
        if self._server is None or not self._server.is_alive():
            self._server = _AHEAD.pop() if _AHEAD else ForkServer(PRELOADED)
        return self._server


def _result(scratch: Path, end: str) -> dict[str, Any]:
    if not (scratch / RESULT).exists():
        if shutil.disk_usage(scratch).free < FULL_BYTES:
            raise InputError(f"{scratch}: the disk is full; free some of it and run this again")
        log = scratch / LOG
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        last = "\n".join(lines[-15:])
        raise RuntimeError(f"{end}; the worker's log {log} ends with:\n{last}")
    result: dict[str, Any] = read_json(scratch / RESULT)
    if not result["ok"]:
        raise InputError(result["error"])
    return result
