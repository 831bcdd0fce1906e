"""The worker: what it writes, and that a kill loses no answer."""

import json
import signal
from pathlib import Path

from gner_core.records import Sentence, read_answers
from tests.gner_core.systems.chat.conftest import KEY
from tests.gner_core.systems.chat.runs import Run
from tests.gner_core.systems.chat.stub import Stub, error


def test_a_killed_worker_asks_no_answered_question_again(
    endpoint: Stub, several: list[Sentence], tmp_path: Path, root: Path
) -> None:
    endpoint.delay = 0.1
    endpoint.faults = [error(429, message=f"slow down, {KEY}", Retry_After="0")]
    run = Run(tmp_path, root, several, base_url=endpoint.url)
    assert run.end_at(5, signal.SIGKILL) == -signal.SIGKILL
    answered = run.questions()
    with (run.scratch / "responses.jsonl").open("ab") as kept:
        kept.write(b'{"question": "half a li')
    assert 5 <= len(answered) < 12
    endpoint.delay = 0.0
    summary = run.finish()
    assert run.questions()[: len(answered)] == answered and len(run.questions()) == 12
    # Asked twice: the one that was told to slow down, and the one that was open at the kill.
    assert len(endpoint.twice()) <= 2 and len(endpoint.asked) <= 14
    assert (summary["calls"], summary["resumed_from"]) == (12, len(answered))
    rows = read_answers(run.output / "answers.parquet")
    assert [(one.id, one.types, one.outputs, one.finished, one.read) for one in rows] == [
        (one.id, one.types, ("[]", "[]"), (True, True), 200) for one in several
    ]
    progress = (run.scratch / "progress.jsonl").read_text().splitlines()
    assert json.loads(progress[-1])["metrics"] == {"prompt_tokens": 1200, "answer_tokens": 120}
    assert KEY.encode() not in run.written()
