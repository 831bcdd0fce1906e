"""Talks to a child process: one JSON object a line, through its standard input and output.

    child    {"ok": true, "gliner": "0.2.29", …}                    once, when it is ready
    parent   {"do": "answer", …}
    child    {"progress": {…}}                                      any number
    child    {"ok": true, …} or {"ok": false, "error": "one line"}

The child ends when its standard input does, so it never outlives this process.
"""

import contextlib
import json
import os
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, Self

from gner_core.errors import InputError, Stopped

START_SECONDS = 300.0
"""Importing torch and transformers takes seconds, and minutes on a busy network disk."""
POLL_SECONDS = 0.2
END_SECONDS = 5.0
LAST_LINES = 15
SETTINGS = {
    "HF_HUB_OFFLINE": "1",  # whatever a model needs lies in its folder
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONSAFEPATH": "1",  # no file beside the script stands for a package
    "PYTHONNOUSERSITE": "1",
    "PYTHONHASHSEED": "0",  # gliner draws types from sets
}
"""Of the child; those of this process's Python, such as PYTHONPATH, do not reach it."""
Message = dict[str, Any]


class Child:
    """A running child process, which answers one request after the other."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        given_up: threading.Event | None = None,
        start_seconds: float = START_SECONDS,
    ) -> None:
        """Start it and wait until it is ready.

        Args:
            given_up: once it is set, the child is ended, and what waits for it raises `Stopped`.

        Raises:
            RuntimeError: where it ends, writes something else, or is not ready in time.
        """
        self._given_up = given_up or threading.Event()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**_without_ours(os.environ), **SETTINGS},
        )
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.hello: Message = self._answer(within=start_seconds)
            """What it said of itself: versions of its packages, its device."""
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(
        self, request: Mapping[str, Any], *, on_progress: Callable[[Message], object] = len
    ) -> Message:
        """Send a request and return its answer.

        Args:
            on_progress: called with what the child tells meanwhile.

        Raises:
            InputError: with the child's message, where the request or a file is at fault.
            RuntimeError: where it crashes, or writes what is no answer; shows the end of its log.
            Stopped: when it was given up. After these two the child has ended.
        """
        assert self.process.stdin is not None
        try:
            try:
                self.process.stdin.write(json.dumps(request).encode() + b"\n")
                self.process.stdin.flush()
            except BrokenPipeError:  # it has ended, which `_answer` tells with its log
                pass
            return self._answer(on_progress=on_progress)
        except InputError:
            raise
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the child: between two requests by the end of its input, else by a signal."""
        if self._errors.closed:
            return
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self._end()
        self._reader.join()
        self._errors.close()

    def _end(self) -> int:
        """Wait for its end, which a signal brings about where it takes too long; return its code."""
        try:
            return self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _answer(
        self, *, on_progress: Callable[[Message], object] = len, within: float = float("inf")
    ) -> Message:
        deadline = time.monotonic() + within
        while True:
            line = self._next_line(deadline, within)
            try:
                message = json.loads(line)
                known = isinstance(message, dict) and ("ok" in message or "progress" in message)
            except (ValueError, RecursionError):
                known = False
            if not known:
                raise RuntimeError(f"the child process wrote what is no answer: {line[:200]!r}")
            if "progress" in message:
                on_progress(message["progress"])
            elif message["ok"]:
                return dict(message)
            else:
                raise InputError(str(message["error"]))

    def _next_line(self, deadline: float, within: float) -> bytes:
        """Return a line of its output, without its end."""
        while True:
            try:
                line = self._lines.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if self._given_up.is_set():
                    self.process.kill()
                    raise Stopped("the child process was stopped") from None
                if time.monotonic() > deadline:
                    self.process.kill()
                    raise RuntimeError(
                        f"the child process was not ready after {within:.0f} s{self._log()}"
                    ) from None
                continue
            if line.endswith(b"\n"):
                return line[:-1]
            raise RuntimeError(f"the child process ended with code {self._end()}{self._log()}")

    def _read(self) -> None:
        """Pass on its output; at the end what stands behind the last line, which may be nothing."""
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(b"")

    def _log(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join(["; its log ends with:", *lines]) if lines else ""


def _without_ours(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("PYTHON")}
