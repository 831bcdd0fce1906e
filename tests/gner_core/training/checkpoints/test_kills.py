"""SIGKILL to the worker at any moment, also while it writes: the same weights in the end.

pytest -m slow tests/gner_core/training/checkpoints/test_kills.py
"""

import json
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from gner_core.runtime.locks import IN_USE, file_lock
from gner_core.training.checkpoints.resume import WRITING, checkpoints, update_of
from gner_core.training.stage import TrainRequest
from tasks.workers import Workers
from tests.gner_core.conftest import TinyModel
from tests.gner_core.training.conftest import Ask, journal

pytestmark = pytest.mark.slow
MODULE = "gner_core.training.worker"
MOMENTS = ("start", "update", "write")
HELD_OUT = {"kind": "held_out", "sentences": 8, "seed": 5, "every": 2}


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers() as started:
        started.start_server()
        yield started


def is_fork_server(process: psutil.Process) -> bool:
    try:
        return "gner_core.runtime.fork_server" in process.cmdline()
    except psutil.ZombieProcess:  # one that was killed before
        return False


class Attempt:
    """A running worker."""

    def __init__(self, workers: Workers, asked: TrainRequest) -> None:
        self.scratch = Path(asked.scratch)
        self.error = ""
        self.before = self._reported()
        request = asked.model_dump(mode="json")
        self.thread = threading.Thread(target=self._run, args=(workers, request), daemon=True)
        self.thread.start()
        servers = filter(is_fork_server, psutil.Process().children())
        server = max(servers, key=psutil.Process.create_time)  # other tests may have one, too
        self.until(lambda: bool(server.children()))
        (self.process,) = server.children()

    def _run(self, workers: Workers, request: dict[str, object]) -> None:
        try:
            workers.run(MODULE, request, on_event=lambda event: None)
        except RuntimeError as error:
            self.error = str(error)

    def until(self, seen: Callable[[], bool], *, timeout: float = 90.0) -> None:
        """Wait for something, as exactly as it can be done."""
        deadline = time.monotonic() + timeout
        while not seen():
            assert time.monotonic() < deadline
            assert self.thread.is_alive(), f"ended early: {self.error}"

    def updates(self) -> int:
        """Of this attempt; the file has those of earlier ones, too."""
        return self._reported() - self.before

    def _reported(self) -> int:
        progress = self.scratch / "progress.jsonl"
        return progress.read_bytes().count(b'"loss"') if progress.exists() else 0

    def end(self, number: signal.Signals) -> str:
        self.process.send_signal(number)
        self.thread.join(60)
        return self.error


def kill(workers: Workers, asked: TrainRequest, moment: str, draw: random.Random) -> bool:
    """Start the worker and kill it; say whether it was writing a checkpoint."""
    attempt = Attempt(workers, asked)
    if moment == "start":
        time.sleep(draw.uniform(0, 1))
    elif moment == "update":
        wanted = draw.randint(1, 6)
        attempt.until(lambda: attempt.updates() >= wanted)
        time.sleep(draw.uniform(0, 0.06))
    else:
        wanted = draw.randint(0, 4)
        attempt.until(lambda: attempt.updates() >= wanted)
        attempt.until(lambda: not writing(attempt.scratch))
        attempt.until(lambda: writing(attempt.scratch))
        time.sleep(draw.uniform(0, 0.02))
    error = attempt.end(signal.SIGKILL)
    assert "worker ended with code -9" in error
    return writing(attempt.scratch)


def writing(scratch: Path) -> bool:
    try:
        return any((scratch / WRITING).iterdir())
    except FileNotFoundError:
        return False


def newest(asked: TrainRequest) -> int:
    return max(map(update_of, checkpoints(Path(asked.scratch))), default=0)


def assert_kills_change_nothing(
    workers: Workers, ask: Ask, model: TinyModel, tmp_path: Path, *, kills: int, epochs: int
) -> None:
    changes = {"train": {"epochs": epochs}, "choose": HELD_OUT, "checkpoint_every": 3}
    whole = ask(model, tmp_path / "whole", **changes)
    workers.run(MODULE, whole.model_dump(mode="json"), on_event=lambda event: None)
    asked, draw = ask(model, tmp_path / "killed", **changes), random.Random(kills)
    moments = [MOMENTS[number % 3] for number in range(kills)]
    draw.shuffle(moments)
    in_writes = 0
    for moment in moments:
        before = newest(asked)
        in_writes += kill(workers, asked, moment, draw)
        assert newest(asked) >= before  # a checkpoint that counts is never lost
    assert in_writes >= kills // 6
    print(f"{kills} kills: {moments}; {in_writes} while a checkpoint was being written")
    last = newest(asked)
    workers.run(MODULE, asked.model_dump(mode="json"), on_event=lambda event: None)
    one, other = (tmp_path / name / "out" for name in ("whole", "killed"))
    assert json.loads((other / "summary.json").read_text())["resumed_from"] == last
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    assert journal(tmp_path / "whole") == journal(tmp_path / "killed")


def test_twenty_kills_change_nothing(
    workers: Workers, ask: Ask, tiny_model: TinyModel, tmp_path: Path
) -> None:
    assert_kills_change_nothing(workers, ask, tiny_model, tmp_path, kills=20, epochs=80)


def test_a_worker_waits_until_an_earlier_one_has_left_the_scratch_folder(
    workers: Workers, ask: Ask, tiny_llama: TinyModel, tmp_path: Path
) -> None:
    asked = ask(tiny_llama)
    with file_lock(Path(asked.scratch) / IN_USE):
        attempt = Attempt(workers, asked)
        time.sleep(2)
        assert attempt.updates() == 0 and attempt.thread.is_alive()
    attempt.thread.join(60)
    assert attempt.error == "" and attempt.updates() == 6


def test_sigterm_writes_a_checkpoint_and_then_stops(
    workers: Workers, ask: Ask, tiny_llama: TinyModel, tmp_path: Path
) -> None:
    asked = ask(tiny_llama, train={"epochs": 60}, checkpoint_every=1000)
    attempt = Attempt(workers, asked)
    attempt.until(lambda: attempt.updates() >= 2)
    error = attempt.end(signal.SIGTERM)
    assert "worker ended with code 143" in error
    assert newest(asked) >= 2
    assert f"the same command goes on from the checkpoint of update {newest(asked)}" in error


def test_ranks_write_a_checkpoint_and_stop_when_the_fork_server_is_killed(
    workers: Workers, ask: Ask, tiny_llama: TinyModel
) -> None:
    launcher = {"kind": "torchrun", "processes": 2}
    asked = ask(tiny_llama, train={"epochs": 300}, checkpoint_every=9999, launcher=launcher)
    attempt = Attempt(workers, asked)
    attempt.until(lambda: attempt.updates() >= 2)
    family = [attempt.process, *attempt.process.children(recursive=True)]
    assert len(family) >= 4  # the supervisor, the launcher and two ranks
    for process in family[2:]:
        process.suspend()  # stands for a checkpoint that takes long
    attempt.process.parent().kill()
    time.sleep(2)
    for process in family[2:]:
        process.resume()
    assert psutil.wait_procs(family, timeout=60)[1] == []
    assert newest(asked) >= 2
