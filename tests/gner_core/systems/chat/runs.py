"""Attempts of a worker that asks an endpoint, as processes that a test can kill."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gner_core.records import Sentence, write_sentences
from tests.gner_core.systems.chat.conftest import chat_system, execution


class Run:
    """Attempts of a worker that asks about the same sentences."""

    def __init__(self, folder: Path, root: Path, sentences: list[Sentence], **system: Any) -> None:
        self.scratch, self.output = folder / "scratch", folder / "output"
        for one in (self.scratch, self.output):
            one.mkdir(parents=True)
        write_sentences(folder / "sentences.parquet", sentences)
        request = {
            "output": str(self.output),
            "scratch": str(self.scratch),
            "threads": 1,
            "system": chat_system(root, **system).model_dump(mode="json"),
            "execution": execution(timeout_seconds=300).model_dump(mode="json"),
            "sentences": str(folder / "sentences.parquet"),
        }
        self.request = folder / "request.json"
        self.request.write_text(json.dumps(request))
        self.log = folder / "log.txt"

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "gner_core.systems.chat.worker", str(self.request)]
        with self.log.open("a") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def finish(self) -> dict[str, Any]:
        assert self.start().wait() == 0, self.log.read_text()
        summary: dict[str, Any] = json.loads((self.output / "summary.json").read_text())
        return summary

    def answered(self) -> int:
        kept = self.scratch / "responses.jsonl"
        return kept.read_bytes().count(b"\n") if kept.exists() else 0

    def end_at(self, answers: int, how: signal.Signals) -> int:
        """Start an attempt and end it once there are so many answers; return its exit code."""
        process = self.start()
        while self.answered() < answers and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(how)
        return process.wait()

    def questions(self) -> list[str]:
        """Return the hashes of the questions that have an answer, in order."""
        lines = (self.scratch / "responses.jsonl").read_bytes().splitlines(keepends=True)
        return [json.loads(line)["question"] for line in lines if line.endswith(b"\n")]

    def written(self) -> bytes:
        """Return all that is in the files and the log."""
        files = [self.log, *self.scratch.rglob("*"), *self.output.rglob("*")]
        return b"".join(file.read_bytes() for file in files if file.is_file())
