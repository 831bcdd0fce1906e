"""A warm parent for workers: torch and transformers are imported once, each job is a fork of it.

Importing them takes several seconds, as long as many a step; a run has half a dozen steps. This
process also guards its jobs: when its standard input ends, which happens however its own parent
ends, it ends the process group of every job, with SIGTERM first and SIGKILL after a grace period.

Owns the protocol, one JSON object a line:

    in    {"id": 1, "module": "gner_core.training.worker", "request": "…", "log": "…"}
    out   {"id": 1, "code": 0}

It never runs torch code itself and has no threads, so that forking is safe. Started by
`tasks.launch` as `python -m gner_core.warm`.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
from typing import Any

PRELOADED = (
    "gner_core.backbones.worker",
    "gner_core.training.worker",
    "gner_core.generation.worker",
)
GRACE_SECONDS = 120.0
"""For the last update and the checkpoint of a large model; other jobs end at once."""
POLL_SECONDS = 0.2
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""By this process: the end of standard input is its only sign to stop."""


def serve() -> None:
    """Fork a job per line of standard input until it ends; then end all jobs."""
    for name in PRELOADED:
        importlib.import_module(name)
    jobs: dict[int, int] = {}  # process id → id of the job
    buffer = b""
    while True:
        ready, _, _ = select.select([0], [], [], POLL_SECONDS)
        if ready:
            data = os.read(0, 1 << 16)
            if not data:
                break
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                _start(json.loads(line), jobs)
        _reap(jobs)
    _end(jobs)


def _start(order: dict[str, Any], jobs: dict[int, int]) -> None:
    process = os.fork()
    if process == 0:
        _become_job(order)
    jobs[process] = order["id"]


def _become_job(order: dict[str, Any]) -> None:
    """Run a worker module's `main` in a session of its own; never returns."""
    code = 1
    try:
        os.setsid()
        for number in IGNORED:  # a job ends at SIGTERM, unless it has something to save
            signal.signal(number, signal.SIG_DFL)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        importlib.import_module(order["module"]).main(order["request"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 (the log is where a worker's faults go)
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _reap(jobs: dict[int, int]) -> None:
    for process in list(jobs):
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)  # what the job itself left running
            code = os.waitstatus_to_exitcode(status)
            answer = {"id": jobs.pop(process), "code": code}
            os.write(1, json.dumps(answer).encode() + b"\n")


def _end(jobs: dict[int, int]) -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    _signal(jobs, signal.SIGTERM)
    while jobs and time.monotonic() < deadline:
        with contextlib.suppress(BrokenPipeError):
            _reap(jobs)
        time.sleep(POLL_SECONDS)
    _signal(jobs, signal.SIGKILL)


def _signal(jobs: dict[int, int], number: signal.Signals) -> None:
    for process in jobs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, number)


if __name__ == "__main__":
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    serve()
