"""Steps in threads of this process: few light ones at once, and an end that begins nothing more."""

import threading
import time

import pytest
from prefect import task

from flows.running.submit import LIGHT_AT_ONCE, in_process

STEPS = 4 * LIGHT_AT_ONCE


class Counter:
    """Counts who is inside at once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = 0

    def __enter__(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.now -= 1


@task
def light(counter: Counter) -> None:
    with counter:
        time.sleep(0.01)


@task
def wait(event: threading.Event, begun: threading.Semaphore) -> bool:
    begun.release()
    return event.wait(10)


@task
def note(name: int, begun: list[int]) -> None:
    begun.append(name)


def test_few_light_steps_run_at_once() -> None:
    counter = Counter()
    with in_process(STEPS) as submit:
        pending = [submit(light, counter, after=[]) for _ in range(STEPS)]
        for one in pending:
            one.result()
    assert 1 < counter.most <= LIGHT_AT_ONCE


def test_steps_with_a_worker_leave_light_ones_their_room() -> None:
    event, heavy_begun, begun = threading.Event(), threading.Semaphore(0), []
    with in_process(STEPS + 1) as submit:
        heavy = [submit(wait, event, heavy_begun, after=[], in_worker=True) for _ in range(STEPS)]
        assert all(heavy_begun.acquire(timeout=5) for _ in heavy)
        submit(note, 0, begun, after=[]).result()
        event.set()
        assert all(one.result() for one in heavy)
    assert begun == [0]


def test_steps_that_wait_for_others_leave_light_ones_their_room() -> None:
    begun: list[int] = []
    event = threading.Event()
    with in_process(STEPS + 2) as submit:
        first = submit(wait, event, threading.Semaphore(0), after=[], in_worker=True)
        later = [submit(note, number, begun, after=[first]) for number in range(STEPS)]
        submit(note, STEPS, begun, after=[]).result()
        assert begun == [STEPS]
        event.set()
        for one in later:
            one.result()
    assert sorted(begun) == [*range(STEPS + 1)]


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), RuntimeError("a step failed")])
def test_an_end_waits_for_what_runs_and_begins_nothing_more(ending: BaseException) -> None:
    begun: list[int] = []
    event, running_begun = threading.Event(), threading.Semaphore(0)

    def end() -> None:
        with in_process(STEPS + 2) as submit:
            running = [submit(wait, event, running_begun, after=[]) for _ in range(LIGHT_AT_ONCE)]
            assert all(running_begun.acquire(timeout=5) for _ in running)
            for number in range(STEPS - LIGHT_AT_ONCE):
                submit(note, number, begun, after=[])
            submit(note, STEPS, begun, after=running[:1])
            submit(note, STEPS + 1, begun, after=running[:1], in_worker=True)
            threading.Timer(0.2, event.set).start()
            raise ending

    with pytest.raises(type(ending)):
        end()
    assert event.is_set()
    assert begun == []
