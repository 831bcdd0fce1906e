"""Child process that asks an endpoint: `python -m gner_core.systems.chat.worker REQUEST.json`.

A run that was killed asks no answered question again: the scratch folder keeps all responses.

The output folder gets `responses.jsonl`, the responses as they came, `answers.parquet`, the answers
to every sentence, and `summary.json`.
"""

import json
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from gner_core.artifact_files import ANSWERS, SUMMARY
from gner_core.config.systems.chat import ChatExecution, ChatSystem
from gner_core.errors import Stopped
from gner_core.records import read_sentences, write_answers
from gner_core.runtime.files import write_file
from gner_core.runtime.worker import Report, Request, run_worker
from gner_core.systems.chat.engine import ChatEngine

RESPONSES = "responses.jsonl"
SECONDS_BETWEEN_REPORTS = 1.0


class ChatRequest(Request):
    """An endpoint and the sentences about which it is asked."""

    system: ChatSystem
    execution: ChatExecution
    sentences: str
    """Parquet file of the sentences."""


class Throttled:
    """Passes progress on once a second, and at the end."""

    def __init__(self, report: Report) -> None:
        self._report, self._next = report, 0.0

    def __call__(self, done: int, total: int, figures: dict[str, float]) -> None:
        """Pass on how many questions are answered, and what they cost so far."""
        if done == total or time.monotonic() >= self._next:
            self._next = time.monotonic() + SECONDS_BETWEEN_REPORTS
            self._report(done, total, **figures)


def work(request: ChatRequest, report: Report) -> dict[str, Any]:
    """Ask about all sentences and fill the output folder; return the summary.

    Raises:
        InputError: when the endpoint does not answer, or the budget is spent.
        SystemExit: with code 143 after SIGTERM; answers that were on their way are kept.
    """
    started = time.monotonic()
    kept, output = Path(request.scratch) / RESPONSES, Path(request.output)
    progress = Throttled(report)
    engine = ChatEngine(request.system, request.execution, kept_in=kept, progress=progress)
    before = signal.signal(signal.SIGTERM, lambda *_: engine.stop())
    sentences = read_sentences(Path(request.sentences))
    try:
        answered = engine.answered(sentences)
    except Stopped:
        raise SystemExit(128 + signal.SIGTERM) from None
    finally:
        signal.signal(signal.SIGTERM, before)
    write_answers(output / ANSWERS, answered)
    shutil.copyfile(kept, output / RESPONSES)
    seconds = round(time.monotonic() - started, 1)
    summary = {
        "sentences": len(answered),
        "skipped": sum(one.skipped is not None for one in answered),
        **engine.summary,
        "seconds_this_attempt": seconds,
    }
    write_file(output / SUMMARY, json.dumps(summary, indent=1))
    return {"summary": summary}


def main(path: str) -> None:
    """Do what the request at `path` says; exit with 0, or 2 for a fault of the input."""
    run_worker(path, ChatRequest, work)


if __name__ == "__main__":
    main(sys.argv[1])
