"""What is shown of a worker's progress and log."""

import logging
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tasks import progress
from tasks.progress import LogSample, Progress
from tasks.workers import Tail


def test_twenty_thousand_lines_of_a_log_become_a_handful_and_none_of_note_is_missing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "gner")
    sample = LogSample("adaptation", "train/abc/worker.log")
    for number in range(20_000):
        if number == 9_000:
            sample("gner: out of memory with micro-batches of 8; going on with 4\n")
        sample(f"{{'loss': {number}}}\n")
    sample.end()
    messages = [record.message for record in caplog.records]
    assert messages == [
        "adaptation | gner: out of memory with micro-batches of 8; going on with 4",
        "adaptation: 1 of 20001 log lines shown, all are in train/abc/worker.log",
    ]
    assert caplog.records[0].levelname == "WARNING"


def test_ordinary_lines_are_shown_now_and_then_and_endless_warnings_are_cut(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "gner")
    sample = LogSample("adaptation", "worker.log")
    for _ in range(1000):
        sample("UserWarning: again\n")
    assert len(caplog.records) == progress.NOTED_LINES
    monkeypatch.setattr(progress, "SAMPLED_SECONDS", 0.0)
    sample("{'loss': 1}\n")
    assert caplog.records[-1].message == "adaptation | {'loss': 1}"
    sample("Writing shards:   0%\rWriting shards:  50%\rWriting shards: 100%\n")
    assert caplog.records[-1].message == "adaptation | Writing shards: 100%"


def test_a_tail_gives_each_new_line_once_and_whole(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("old\n")
    tail = Tail(file)
    with file.open("a") as handle:
        handle.write("one\ntw")
        handle.flush()
        assert list(tail.new()) == ["one\n"]
        handle.write("o\n")
    assert list(tail.new()) == ["two\n"]
    assert list(tail.new()) == []


@pytest.mark.parametrize("away", [False, True])
def test_progress_is_sent_to_prefect_now_and_then_and_never_stops_the_work(
    monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    shown: list[str] = []

    def send(*given: object, description: str, **_: object) -> str:
        shown.append(description)
        if away:
            raise ConnectionError("no server")
        return "id"

    monkeypatch.setattr("tasks.progress.in_task", lambda: True)
    monkeypatch.setattr("prefect.artifacts.create_progress_artifact", send)
    monkeypatch.setattr("prefect.artifacts.update_progress_artifact", send)
    with Progress(Console(quiet=True)) as bars, bars.bar("adaptation") as show:
        for number in range(1, 2001):
            metrics = {"loss": 2 / number} if number % 10 else {"validation_loss": 1 / number}
            show(
                {
                    "time": number,
                    "done": number,
                    "total": 2000,
                    "share": number / 2000,
                    "metrics": metrics,
                }
            )
    assert 2 <= len(shown) <= 4  # the first, the last, and one every half minute
    assert shown[-1] == "loss 0.001  validation loss 0.0005"


def test_without_a_terminal_a_line_comes_now_and_then_also_from_a_silent_worker(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "gner")
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.02)
    with Progress(Console(file=StringIO())) as bars, bars.bar("adaptation") as show:
        until(lambda: "adaptation: starting" in caplog.messages)
        show({"time": 1, "done": 3, "total": 9, "share": 1 / 3, "metrics": {"loss": 0.5}})
        until(lambda: caplog.messages.count("adaptation: 3/9  loss 0.5") > 1)
    told = len(caplog.messages)
    time.sleep(0.1)
    assert len(caplog.messages) <= told + 1


def until(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.005)
