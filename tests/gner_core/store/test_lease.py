"""A lease that cannot be read is waited for like any other, and its holder writes it anew."""

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gner_core.store.lease import Pace, leased
from gner_core.store.objects import Objects

QUICK = Pace(beat=0.05, dead=0.3, poll=0.02)
LEASE = "lease.json"
UNREADABLE = {
    "half written": b'{"host": "one", "pro',
    "empty": b"",
    "no text": b"\xff\xfe\x00",
    "another JSON": b"[1]",
    "without its fields": b'{"host": "one"}',
}


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(f"memory://{tmp_path}")


@pytest.fixture(params=UNREADABLE.values(), ids=UNREADABLE)
def unreadable(request: pytest.FixtureRequest) -> bytes:
    content: bytes = request.param
    return content


def becomes(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_the_holder_writes_an_unreadable_lease_anew(objects: Objects, unreadable: bytes) -> None:
    with leased(objects, LEASE, machine="one", unless=bool, on_wait=len, pace=QUICK):
        mine = json.loads(objects.read(LEASE))["lease"]
        objects.write(LEASE, unreadable)
        assert becomes(lambda: objects.read(LEASE) != unreadable)
        assert json.loads(objects.read(LEASE))["lease"] == mine
    assert not objects.exists(LEASE)


def test_an_unreadable_lease_goes_when_its_holder_is_done(
    objects: Objects, unreadable: bytes
) -> None:
    with leased(objects, LEASE, machine="one", unless=bool, on_wait=len):
        objects.write(LEASE, unreadable)
    assert not objects.exists(LEASE)


def test_an_unreadable_lease_is_waited_for_and_then_taken_over(
    objects: Objects, unreadable: bytes
) -> None:
    objects.write(LEASE, unreadable)
    told: list[str] = []
    started = time.monotonic()
    with leased(objects, LEASE, machine="two", unless=bool, on_wait=told.append, pace=QUICK):
        assert time.monotonic() - started > QUICK.dead
        assert json.loads(objects.read(LEASE))["machine"] == "two"
    assert "waiting for an unknown process (its lease cannot be read)" in told[0]
    assert "not been heard of" in told[1]


def test_the_lease_of_another_machine_is_left_to_it(objects: Objects) -> None:
    content = {"host": "b", "process": 1, "machine": "two", "lease": "other", "beats": 0}
    theirs = json.dumps(content).encode()
    with leased(objects, LEASE, machine="one", unless=bool, on_wait=len, pace=QUICK):
        objects.write(LEASE, theirs)
        time.sleep(4 * QUICK.beat)
    assert objects.read(LEASE) == theirs


def test_a_lease_that_is_deleted_between_two_looks_is_asked_for_again(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FileExistsError("there is one already")

    with monkeypatch.context() as patch:
        patch.setattr(objects.filesystem, "pipe_file", refuse)
        assert not objects.create(LEASE, b"{}")
    assert objects.create(LEASE, b"{}")


def test_a_fault_of_the_renewal_is_logged_and_the_next_one_is_tried(
    objects: Objects, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write, faults = Objects.write, [RuntimeError("a fault of the program")]

    def failing(to: Objects, name: str, data: bytes) -> None:
        if faults:
            raise faults.pop()
        write(to, name, data)

    monkeypatch.setattr(Objects, "write", failing)
    with (
        caplog.at_level(logging.WARNING, "gner"),
        leased(objects, LEASE, machine="one", unless=bool, on_wait=len, pace=QUICK),
    ):
        assert becomes(lambda: json.loads(objects.read(LEASE))["beats"] > 1)
    assert "a fault of the program" in caplog.text
    assert "Traceback" in caplog.text
