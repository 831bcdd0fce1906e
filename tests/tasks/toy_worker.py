"""A worker for the tests of `tasks.workers`: does what its request says."""

import os
import signal
import time
from typing import Any

from gner_core.errors import InputError
from gner_core.runtime.priority import session_nice
from gner_core.runtime.worker import Report, Request, run_worker


class ToyRequest(Request):
    act: str


def work(request: ToyRequest, report: Report) -> dict[str, Any]:
    report(0, 2, loss=1.5)
    if request.act == "refuse":
        raise InputError("line 3 is wrong")
    if request.act == "crash":
        raise ZeroDivisionError("toy crash")
    if request.act == "die":
        os.kill(os.getpid(), 9)
    if request.act == "ignore SIGTERM":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        report(1, 2, loss=1.0)
    if request.act in {"hang", "ignore SIGTERM"}:
        time.sleep(600)
    if request.act == "priority":
        return {"process": os.getpriority(os.PRIO_PROCESS, 0), "session": session_nice()}
    report(2, 2, loss=0.5)
    return {"answer": 42}


def main(path: str) -> None:
    run_worker(path, ToyRequest, work)
