"""The protocol between a task and its worker, a child process.

request.json     what to do; written by the task
progress.jsonl   one line per event to be tracked; every attempt of the worker appends to it
result.json      {"ok": true, …} or {"ok": false, "error": "one clear line"}
"""

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from gner_core.errors import InputError
from gner_core.runtime.files import write_file
from gner_core.runtime.log import drop
from gner_core.strict import StrictModel

REQUEST, PROGRESS, RESULT = "request.json", "progress.jsonl", "result.json"
COMPUTED_IN = "computed_in"
"""In the summary of a worker's result: the number format of its model."""
Report = Callable[..., None]


class Request(StrictModel):
    """Common fields of all requests."""

    output: str
    """Empty folder to fill; published by the task."""
    scratch: str
    """Folder that outlives a crash, with checkpoints and finished parts."""
    threads: int | None
    """CPU threads; null leaves the choice to torch."""


R = TypeVar("R", bound=Request)


def run_worker(
    path: str,
    request_type: type[R],
    work: Callable[[R, Report], dict[str, Any]],
    *,
    result_name: str = RESULT,
) -> NoReturn:
    """Read the request at `path`, do the work, write the result, exit.

    An `InputError` becomes the result's message, with exit code 2; any other exception leaves its
    traceback in the log and exit code 1. One process of several gives a `result_name` of its own.
    """
    drop("DeepSpeed", "Setting accelerator to CPU")  # on every machine without a GPU
    request = request_type.model_validate_json(Path(path).read_text())
    scratch = Path(request.scratch)
    _end_last_line(scratch / PROGRESS)
    try:
        result = {"ok": True, **work(request, partial(_report, scratch / PROGRESS))}
    except InputError as error:
        result = {"ok": False, "error": str(error)}
    write_file(scratch / result_name, json.dumps(result))
    sys.exit(0 if result["ok"] else 2)


def _end_last_line(path: Path) -> None:
    """End the half line that an attempt on a full disk may have left."""
    if path.exists() and path.stat().st_size:
        with path.open("rb+") as handle:
            handle.seek(-1, os.SEEK_END)
            if handle.read() != b"\n":
                handle.write(b"\n")


def _report(
    path: Path, done: int, total: int, *, share: float | None = None, **metrics: float
) -> None:
    """Append one event: `done` of `total` units, and metrics by name.

    `share` (0 to 1) is that of the work, where units differ in what they need.
    """
    share = done / max(total, 1) if share is None else share
    event = {"time": time.time(), "done": done, "total": total, "share": share, "metrics": metrics}
    with path.open("a") as handle:
        handle.write(json.dumps(event) + "\n")
