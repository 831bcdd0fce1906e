"""A warm parent for workers: torch and transformers are imported once, each job is a fork of it.

Importing them takes several seconds, as long as many a step; a run has half a dozen steps. This
process also guards its jobs: when its standard input ends, which happens however its own parent
ends, it ends the process group of every job, with SIGTERM first and SIGKILL after a grace period.
Where this process itself is killed, every job does the same to its own group. What a job has used
is noted when it has ended, however it did.

Owns the protocol, one JSON object a line:

    in    {"id": 1, "module": "gner_core.training.worker", "request": "…", "log": "…",
           "usage": "…/usage.jsonl"}
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
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gner_core.machine import Meter, note
from gner_core.priority import take_priority

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


@dataclass(frozen=True)
class Job:
    """A running job."""

    id: int
    usage: Path
    meter: Meter


def serve() -> None:
    """Fork a job per line of standard input until it ends; then end all jobs."""
    take_priority()
    for name in PRELOADED:
        importlib.import_module(name)
    jobs: dict[int, Job] = {}  # by process id
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


def _start(order: dict[str, Any], jobs: dict[int, Job]) -> None:
    job = Job(order["id"], Path(order["usage"]), Meter(Path(order["request"]).parent))
    parent, process = os.getpid(), os.fork()
    if process == 0:
        _become_job(order, parent)
    jobs[process] = job


def _become_job(order: dict[str, Any], parent: int) -> None:
    """Run a worker module's `main` in a session of its own; never returns."""
    code = 1
    try:
        os.setsid()
        take_priority()
        threading.Thread(target=_end_without, args=(parent,), daemon=True).start()
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
        if os.getppid() != parent:  # nobody else will end what this job left running
            os.killpg(0, signal.SIGKILL)
        os._exit(code)


def _end_without(parent: int) -> None:
    """End this job's process group once the process that guards it is gone."""
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


def _reap(jobs: dict[int, Job]) -> None:
    for process in list(jobs):
        done, status, used = os.wait4(process, os.WNOHANG)
        if done:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)  # what the job itself left running
            job = jobs.pop(process)
            with contextlib.suppress(OSError):  # a full disk: the job's own message counts
                note(job.usage, job.meter.read(cpu_seconds=used.ru_utime + used.ru_stime))
            answer = {"id": job.id, "code": os.waitstatus_to_exitcode(status)}
            os.write(1, json.dumps(answer).encode() + b"\n")


def _end(jobs: dict[int, Job]) -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    _signal(jobs, signal.SIGTERM)
    while jobs and time.monotonic() < deadline:
        with contextlib.suppress(BrokenPipeError):
            _reap(jobs)
        time.sleep(POLL_SECONDS)
    _signal(jobs, signal.SIGKILL)


def _signal(jobs: dict[int, Job], number: signal.Signals) -> None:
    for process in jobs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, number)


if __name__ == "__main__":
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    serve()
    os._exit(0)  # taking down what was imported would take a second
