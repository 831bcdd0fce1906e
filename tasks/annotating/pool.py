"""Worker processes that load a checkpoint once and annotate part after part.

The protocol is that of `gner_core.annotating.protocol`.
"""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self, TextIO

from gner_core.errors import InputError
from tasks.workers import Event, Workers

WORKER = "gner_core.annotating.worker"
POLL_SECONDS = 0.1


class Annotator:
    """One worker process."""

    def __init__(self, workers: Workers, request: Mapping[str, Any]) -> None:
        """Start the process; loading the checkpoint takes a while and is not waited for."""
        self.on_event: Callable[[Event], object] = len
        """Called with the progress within a part."""
        self._folder = TemporaryDirectory(prefix="gner-annotate-")
        path = str(Path(self._folder.name) / "socket")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(1)
        self._listener.settimeout(POLL_SECONDS)
        self._lines: TextIO | None = None
        self._thread = ThreadPoolExecutor(1)
        folders = {"output": self._folder.name, "scratch": self._folder.name, "socket": path}
        self._run = self._thread.submit(
            workers.run, WORKER, {**request, **folders}, on_event=self._tell
        )

    def annotate(self, texts: list[str], file: Path) -> dict[str, Any]:
        """Have the entities of texts written into a file; return what the worker says of them.

        Raises:
            InputError: with the worker's own message, when the input was at fault.
            RuntimeError: when the worker died.
            Stopped: when it was ended because all work is to end.
        """
        lines = self._connected()
        try:
            lines.write(json.dumps({"texts": texts, "file": str(file)}) + "\n")
            lines.flush()
            said = lines.readline()
        except OSError:
            said = ""
        if not said:
            raise self._end()
        answer: dict[str, Any] = json.loads(said)
        if "error" in answer:
            raise InputError(answer["error"])
        return answer

    def _tell(self, event: Event) -> None:
        self.on_event(event)

    def close(self) -> None:
        """Let the process end, and wait for it."""
        if self._lines:
            with suppress(OSError):  # it has died, with a request that was not sent
                self._lines.close()
        self._listener.close()
        self._thread.shutdown()
        self._folder.cleanup()

    def _connected(self) -> TextIO:
        while self._lines is None:
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                if self._run.done():
                    raise self._end() from None
                continue
            connection.setblocking(True)
            self._lines = connection.makefile("rw", encoding="utf-8")
            connection.close()  # the file goes on
        return self._lines

    def _end(self) -> BaseException:
        """Return why the process has ended."""
        return self._run.exception() or RuntimeError("the worker ended before its work was done")


class Annotators:
    """Some worker processes, each started when there is a part for it."""

    def __init__(self, workers: Workers, request: Mapping[str, Any], *, number: int) -> None:
        """Start nothing yet.

        Args:
            request: fields of the worker's request but for its folders.
        """
        self._workers, self._request = workers, request
        self._free: SimpleQueue[Annotator | None] = SimpleQueue()
        self._started: list[Annotator] = []
        for _ in range(number):
            self._free.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for one in self._started:
            one.close()

    @contextmanager
    def one(self) -> Iterator[Annotator]:
        """Wait for a process without work, and hold it."""
        found = self._free.get()
        try:
            if found is None:
                found = Annotator(self._workers, self._request)
                self._started.append(found)
            yield found
        finally:
            self._free.put(found)
