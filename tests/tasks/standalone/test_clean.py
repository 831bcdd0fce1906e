"""What is kept because somebody uses it, in a small store without MLflow."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from gner_core.runtime.locks import IN_USE, file_lock
from gner_core.store.artifacts import ArtifactRef, Store
from gner_core.store.usage import using
from tasks.standalone.clean import clean
from tasks.tracking.server import TrackingStore


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A corpus → a sample → a training, and a score that nothing leads to."""
    made = Store(str(tmp_path / "store"), scratch=tmp_path / "work")
    before: dict[str, str] = {}
    for step in ("corpus", "sample", "train"):
        ref = ArtifactRef(step, f"{step[0]}0")
        with made.publish(ref, about={"title": step, "inputs": before}) as folder:
            (folder / "data").write_text("0123456789")
        before = {"data": ref.path}
    with made.publish(ArtifactRef("score", "b0"), about={"title": "s", "inputs": {}}) as folder:
        (folder / "data").write_text("0")
    return made


def unused(store: Store) -> set[str]:
    return {one.ref.path for one in clean(store, None, free=False)}


def test_without_a_report_nothing_is_referred_to(store: Store) -> None:
    assert unused(store) == {"corpus/c0", "sample/s0", "train/t0", "score/b0"}


@pytest.mark.parametrize("step", ["report", "sweep-report"])
def test_a_report_keeps_its_inputs_and_theirs(store: Store, step: str) -> None:
    about = {"title": "r", "inputs": {"train": "train/t0", "model": "checkpoint/elsewhere"}}
    with store.publish(ArtifactRef(step, "a0"), about=about):
        pass
    assert unused(store) == {"score/b0"}
    (freed,) = clean(store, None, free=True)
    assert (freed.ref.path, freed.bytes) == ("score/b0", 1)
    assert not store.has(freed.ref)
    assert store.fetch(ArtifactRef("train", "t0")).is_dir()


def test_what_was_annotated_with_a_registered_checkpoint_is_free_and_its_tests_are_not(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in ("annotate", "generate"):
        about = {"title": step, "inputs": {"model": "checkpoint/c"}}
        with store.publish(ArtifactRef(step, "a0"), about=about):
            pass
    monkeypatch.setattr("tasks.standalone.clean.referred", lambda _: {"checkpoint/c"})
    mlflow = TrackingStore("sqlite://", None)
    found = {one.ref.path for one in clean(store, mlflow, free=False)}
    assert "annotate/a0" in found
    assert "generate/a0" not in found


def test_what_a_run_needs_is_kept_while_it_lives(store: Store) -> None:
    with using(store, [ArtifactRef("sample", "s0"), ArtifactRef("score", "not-made-yet")]):
        assert unused(store) == {"train/t0", "score/b0"}
    assert "sample/s0" in unused(store)


def test_a_dead_run_keeps_nothing(store: Store) -> None:
    file = store.scratch / "runs" / "dead.json"
    with using(store, [ArtifactRef("sample", "s0")]):
        (left,) = file.parent.iterdir()
        content = left.read_text()
    process = content.split('"process": "')[1].partition('"')[0]
    file.write_text(content.replace(process, f"{process.rpartition('/')[0]}/0.00"))
    assert "sample/s0" in unused(store)
    assert not file.exists()


@contextmanager
def held_elsewhere(lock: AbstractContextManager[None]) -> Iterator[None]:
    """Hold a lock in another thread, as a process would that this one waits for."""
    held, done = threading.Event(), threading.Event()

    def build() -> None:
        with lock:
            held.set()
            done.wait(20)

    thread = threading.Thread(target=build)
    thread.start()
    assert held.wait(20)
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_locked_key_is_kept_with_its_inputs(store: Store) -> None:
    with held_elsewhere(store.lock(ArtifactRef("train", "t0"))):
        assert {one.ref.path for one in clean(store, None, free=True)} == {"score/b0"}
    assert store.has(ArtifactRef("corpus", "c0"))


def test_unfinished_work_is_listed_and_freed_unless_somebody_is_at_it(store: Store) -> None:
    begun, at_work, needed = (ArtifactRef("train", key) for key in ("b1", "w1", "n1"))
    for ref in (begun, at_work, needed):
        (store.unfinished(ref) / "checkpoint").write_text("0123")
    own = (store.scratch / "id").read_text()
    killed = Path(store.url) / ".staging" / f"{own}-score-k1"
    killed.mkdir(parents=True)
    (killed / "scores.json").write_text("01")
    of_another_home = killed.with_name("0123456789ab-score-k1")
    of_another_home.mkdir()
    working = file_lock(store.unfinished(at_work) / IN_USE)
    with using(store, [needed]), held_elsewhere(working):
        freed = clean(store, None, free=True)
    unfinished = {one.ref.path: one.bytes for one in freed if one.unfinished}
    assert unfinished == {"train/b1": 4, "score/k1": 2}
    left = [ref.path for ref in store.begun()]
    assert left == ["train/n1", "train/w1"]
    assert of_another_home.is_dir()
    assert not killed.exists()
