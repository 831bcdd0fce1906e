"""What is kept because somebody uses it, in a small store without MLflow."""

import threading
from pathlib import Path

import pytest

from gner_core.store.artifacts import ArtifactRef, Store
from gner_core.store.usage import using
from tasks.standalone.clean import clean


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


def test_a_locked_key_is_kept_with_its_inputs(store: Store) -> None:
    held, done = threading.Event(), threading.Event()

    def build() -> None:
        with store.lock(ArtifactRef("train", "t0")):
            held.set()
            done.wait(20)

    thread = threading.Thread(target=build)
    thread.start()
    assert held.wait(20)
    try:
        assert {one.ref.path for one in clean(store, None, free=True)} == {"score/b0"}
    finally:
        done.set()
        thread.join()
    assert store.has(ArtifactRef("corpus", "c0"))
