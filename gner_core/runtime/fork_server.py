"""The fork server of the workers: it imports their libraries once, and each job is a fork of it.

Importing torch and transformers takes several seconds, as long as many a step. This process also
guards its jobs: when its standard input ends, which happens however its own parent ends, it ends
the process group of every job, with SIGTERM first and SIGKILL after the grace period. Where this
process itself is killed, every job does the same to its own group.

The protocol is one JSON object a line; the answers have a pipe of their own, so that nothing that a
library prints can get between them:

    standard input   {"id": 1, "module": "gner_core.training.worker", "request": "…", "log": "…",
                      "usage": "…/usage.jsonl"}
    pipe of answers  {"id": 1, "code": 0}

It never runs torch code itself and has no threads, so that forking is safe. `tasks.workers` starts
it with the pipe's file descriptor and the modules to import before the first job.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gner_core.runtime.grace import grace_seconds
from gner_core.runtime.machine import Meter, note
from gner_core.runtime.priority import take_priority

POLL_SECONDS = 0.05
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Once jobs may run: then the end of standard input is the only sign to stop."""


@dataclass(frozen=True)
class Job:
    """A running job."""

    id: int
    usage: Path
    meter: Meter


def serve(answers: int, preloaded: Sequence[str]) -> None:
    """Fork a job per line of standard input until it ends; then end all jobs."""
    take_priority()
    _preload(preloaded)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
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
                _start(json.loads(line), jobs, answers)
        _reap(jobs, answers)
    _end(jobs, answers)


def _preload(modules: Sequence[str]) -> None:
    """Import modules without garbage collection, which takes a fifth of the time and finds little.

    What they define is also left out of later collections, in the jobs, too: all of it stays.
    """
    gc.disable()
    for name in modules:
        importlib.import_module(name)
    gc.freeze()
    gc.enable()


def _start(wanted: dict[str, Any], jobs: dict[int, Job], answers: int) -> None:
    job = Job(wanted["id"], Path(wanted["usage"]), Meter(Path(wanted["request"]).parent))
    parent, process = os.getpid(), os.fork()
    if process == 0:
        os.close(answers)  # the pipe ends when the fork server does, whatever its jobs do
        _become_job(wanted, parent)
    jobs[process] = job


def _become_job(wanted: dict[str, Any], parent: int) -> None:
    """Run a worker module's `main` in a session of its own; never returns."""
    code = 1
    try:
        os.setsid()
        take_priority()
        threading.Thread(target=_end_without, args=(parent,), daemon=True).start()
        for number in IGNORED:  # a job ends at SIGTERM, unless it has something to save
            signal.signal(number, signal.SIG_DFL)
        try:
            log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except FileNotFoundError:  # its run has ended meanwhile, and has removed the folder
            raise SystemExit(1) from None
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        importlib.import_module(wanted["module"]).main(wanted["request"])
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
    time.sleep(grace_seconds())
    os.killpg(0, signal.SIGKILL)


def _reap(jobs: dict[int, Job], answers: int) -> None:
    for process in list(jobs):
        done, status, used = os.wait4(process, os.WNOHANG)
        if done:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)  # what the job itself left running
            job = jobs.pop(process)
            with contextlib.suppress(OSError):  # a full disk: the job's own message counts
                note(job.usage, job.meter.read(cpu_seconds=used.ru_utime + used.ru_stime))
            answer = {"id": job.id, "code": os.waitstatus_to_exitcode(status)}
            os.write(answers, json.dumps(answer).encode() + b"\n")


def _end(jobs: dict[int, Job], answers: int) -> None:
    deadline = time.monotonic() + grace_seconds()
    _signal(jobs, signal.SIGTERM)
    while jobs and time.monotonic() < deadline:
        with contextlib.suppress(BrokenPipeError):
            _reap(jobs, answers)
        time.sleep(POLL_SECONDS)
    _signal(jobs, signal.SIGKILL)


def _signal(jobs: dict[int, Job], number: signal.Signals) -> None:
    for process in jobs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, number)


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2:])
    os._exit(0)  # taking down what was imported would take a second
