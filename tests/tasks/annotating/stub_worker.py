"""A worker in the place of one with a model: every capitalised word is an entity of the first type.

Its confidence follows from its letters. A text may hold an order to the worker: `DIE`, `REFUSE` and
`TOO-LONG` do what they say, `SLOW` takes a second.
"""

import os
import re
import time
from typing import Any

from gner_core.annotating.protocol import Found, answer_parts
from gner_core.config.checkpoint import Description
from gner_core.errors import InputError
from gner_core.runtime.worker import COMPUTED_IN, Report, Request, run_worker

WORD = re.compile(r"\b[A-Z]\w+")


class StubRequest(Request):
    checkpoint: str
    about: Description
    types: tuple[str, ...]
    beams: int
    batch: int
    package: str | None
    socket: str


def found(text: str, label: str) -> list[dict[str, Any]]:
    return [
        {
            "start": match.start(),
            "end": match.end(),
            "label": label,
            "text": match[0],
            "confidence": sum(map(ord, match[0])) % 100 / 100,
        }
        for match in WORD.finditer(text)
    ]


def work(request: StubRequest, report: Report) -> dict[str, Any]:
    def find(texts: list[str]) -> Found:
        if "DIE" in texts:
            os.kill(os.getpid(), 9)
        if "REFUSE" in texts:
            raise InputError("text 1: refused")
        time.sleep(texts.count("SLOW"))
        report(1, 2)
        not_read = [(n, "word 1: too long") for n, text in enumerate(texts) if text == "TOO-LONG"]
        left_out = {n for n, _ in not_read}
        label = request.types[0]
        entities = [None if n in left_out else found(text, label) for n, text in enumerate(texts)]
        return Found(entities, {"unread": texts.count("UNREAD")}, not_read)

    answer_parts(request.socket, find, facts={COMPUTED_IN: "float32"})
    return {}


def main(path: str) -> None:
    run_worker(path, StubRequest, work)
