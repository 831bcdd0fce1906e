import json
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from gner_core.errors import InputError, Stopped
from gner_core.store.artifacts import ArtifactRef, Store

REF = ArtifactRef("train", "k1")


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    place = str(tmp_path / "store") if request.param == "local" else f"memory://{tmp_path}/store"
    return Store(place, scratch=tmp_path / "work")


def fill(store: Store, text: str = "hello") -> None:
    with store.publish(REF, about={"title": "t"}) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "a.txt").write_text(text)


def test_an_artifact_comes_back_with_its_manifest(store: Store) -> None:
    assert not store.has(REF)
    fill(store)
    assert store.has(REF)
    assert (store.fetch(REF) / "sub" / "a.txt").read_text() == "hello"
    manifest = store.manifest(REF)
    assert manifest["title"] == "t"
    assert manifest["files"]["sub/a.txt"]["size"] == 5


def test_a_failed_step_publishes_nothing_and_leaves_nothing(store: Store, tmp_path: Path) -> None:
    def fail() -> None:
        with store.publish(REF, about={}) as folder:
            (folder / "half.txt").write_text("half")
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail()
    assert not store.has(REF)
    assert not list(tmp_path.rglob("half.txt"))


def test_what_a_killed_attempt_left_is_cleared_by_the_next(store: Store, tmp_path: Path) -> None:
    attempt = store.publish(REF, about={})
    (attempt.__enter__() / "half.txt").write_text("half")  # and then the process is gone
    fill(store)
    assert not list(tmp_path.rglob("half.txt"))
    assert not (store.fetch(REF) / "half.txt").exists()


def test_two_homes_may_build_the_same_artifact_in_one_local_store(tmp_path: Path) -> None:
    one, other = (Store(str(tmp_path / "store"), scratch=tmp_path / name) for name in "ab")
    with one.publish(REF, about={}) as folder:
        (folder / "a.txt").write_text("of one")
        with other.publish(REF, about={}) as second:
            (second / "b.txt").write_text("of the other")
        (folder / "late.txt").write_text("late")
    published = one.fetch(REF)
    assert {file.name for file in published.iterdir()} == {"b.txt", "manifest.json"}
    assert not list((tmp_path / "store" / ".staging").iterdir())


def test_a_second_publication_of_the_same_key_is_harmless(store: Store) -> None:
    fill(store)
    fill(store)
    assert (store.fetch(REF) / "sub" / "a.txt").read_text() == "hello"


def test_a_folder_without_manifest_is_not_an_artifact_and_is_replaced(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"), scratch=tmp_path / "work")
    left = tmp_path / "store" / REF.path
    left.mkdir(parents=True)
    (left / "old.txt").write_text("old")
    assert not store.has(REF)
    fill(store)
    assert not (store.fetch(REF) / "old.txt").exists()


def test_a_truncated_file_is_noticed(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"), scratch=tmp_path / "work")
    fill(store)
    (tmp_path / "store" / REF.path / "sub" / "a.txt").write_text("hel")
    with pytest.raises(InputError, match=r"a\.txt: missing or damaged"):
        store.fetch(REF)


def test_a_missing_artifact_is_an_input_error(store: Store) -> None:
    with pytest.raises(InputError, match="no such artifact"):
        store.fetch(REF)


class AwayFileSystem(MemoryFileSystem):
    """A server that does not answer, or only after some tries."""

    protocol = "away"
    faults: ClassVar[list[OSError]] = []

    def _answer(self) -> None:
        if self.faults:
            raise self.faults.pop()

    def info(self, path: str, **options: Any) -> Any:
        self._answer()
        return super().info(path, **options)

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        self._answer()
        return super().ls(path, detail, **options)


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr("gner_core.store.objects.PAUSES", (0.01, 0.01))
    monkeypatch.setattr(AwayFileSystem, "faults", [])
    fsspec.register_implementation("away", AwayFileSystem, clobber=True)
    return Store(f"away://{tmp_path}", scratch=tmp_path / "work")


@pytest.mark.parametrize("fault", [ConnectionResetError, TimeoutError, PermissionError])
def test_a_store_that_does_not_answer_is_not_taken_for_an_empty_one(
    away: Store, fault: type[OSError]
) -> None:
    fill(away)
    AwayFileSystem.faults = [fault("gone")] * 9
    with pytest.raises(
        InputError, match=rf"away://.*cannot be looked for \({fault.__name__}: gone"
    ):
        away.has(REF)
    with pytest.raises(InputError, match=rf"away://.*cannot be listed \({fault.__name__}: gone"):
        away.published(REF.step)


def test_a_store_that_answers_at_the_third_try_has_what_it_has(away: Store) -> None:
    fill(away)
    AwayFileSystem.faults = [TimeoutError("slow"), ConnectionResetError("gone")]
    assert away.has(REF)
    AwayFileSystem.faults = [TimeoutError("slow"), ConnectionResetError("gone")]
    assert away.published(REF.step) == [REF]
    assert AwayFileSystem.faults == []


def test_a_file_in_the_place_of_a_store_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(str(tmp_path / "file" / "store"), scratch=tmp_path / "work")
    with pytest.raises(InputError, match="cannot be looked for"):
        store.has(REF)


def test_what_is_published_is_listed_by_key(store: Store) -> None:
    assert store.published("train") == []
    for key in ("k2", "k1"):
        with store.publish(ArtifactRef("train", key), about={}) as folder:
            (folder / "a").write_text("a")
    store.objects.filesystem.makedirs(f"{store.objects.root}/train/half-deleted")
    assert store.published("train") == [ArtifactRef("train", "k1"), ArtifactRef("train", "k2")]


def test_the_lock_lets_one_builder_in(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"), scratch=tmp_path / "work")
    built: list[str] = []

    def build(name: str) -> None:
        with store.lock(REF):
            if not store.has(REF):
                time.sleep(0.1)
                built.append(name)
                fill(store)

    threads = [threading.Thread(target=build, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


def test_who_is_told_to_stop_does_not_wait_for_another_builder(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"), scratch=tmp_path / "work")
    building, stopping, done = (threading.Event() for _ in range(3))

    def build() -> None:
        with store.lock(REF):
            building.set()
            done.wait(10)

    builder = threading.Thread(target=build)
    builder.start()
    assert building.wait(10)
    threading.Timer(0.2, stopping.set).start()
    with (
        pytest.raises(Stopped, match="train-k1: held by another process"),
        store.lock(REF, given_up=stopping),
    ):
        pass
    done.set()
    builder.join()
    with store.lock(REF, given_up=stopping):
        pass  # it is free


def test_scratch_is_kept_until_it_is_discarded(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"), scratch=tmp_path / "work")
    (store.unfinished(REF) / "checkpoint").write_text("1")
    assert (store.unfinished(REF) / "checkpoint").exists()
    store.discard(REF)
    assert not (store.unfinished(REF) / "checkpoint").exists()


def test_the_manifest_is_json_with_checksums(store: Store) -> None:
    fill(store)
    entry = store.manifest(REF)["files"]["sub/a.txt"]
    assert len(entry["sha256"]) == 64
    json.dumps(store.manifest(REF))
