"""Files and folders are whole or not there, and nothing else is left."""

import os
import threading
from pathlib import Path

import pytest

from gner_core.runtime.files import put_folder, replacing_file, replacing_folder, write_file


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_takes_the_place_of_another(tmp_path: Path) -> None:
    write_file(tmp_path / "a", "old")
    write_file(tmp_path / "a", "né\n")
    assert (tmp_path / "a").read_bytes() == "né\n".encode()
    assert names(tmp_path) == {"a"}


def test_a_file_that_cannot_be_written_whole_leaves_the_old_one(tmp_path: Path) -> None:
    write_file(tmp_path / "a", "old")

    def fail() -> None:
        with replacing_file(tmp_path / "a") as aside:
            aside.write_text("ha")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == {"a"}


def test_files_of_several_writers_are_never_mixed(tmp_path: Path) -> None:
    texts = [letter * 100_000 for letter in "abcd"]
    threads = [
        threading.Thread(target=lambda t=text: [write_file(tmp_path / "a", t) for _ in range(20)])
        for text in texts
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert not (tmp_path / "a").exists() or (tmp_path / "a").read_text() in texts
    assert names(tmp_path) == {"a"}


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with replacing_folder(tmp_path / "below" / "a") as aside:
            (aside / name).write_text(name)
    assert names(tmp_path / "below") == {"a"}
    assert names(tmp_path / "below" / "a") == {"new"}


def test_a_folder_that_cannot_be_filled_leaves_the_old_one(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "a") as aside:
        (aside / "old").write_text("old")

    def fail() -> None:
        with replacing_folder(tmp_path / "a") as aside:
            (aside / "new").write_text("ne")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert names(tmp_path) == {"a"}
    assert names(tmp_path / "a") == {"old"}


def test_what_a_killed_process_left_in_a_folder_does_not_count(tmp_path: Path) -> None:
    attempt = replacing_folder(tmp_path / "a")
    (attempt.__enter__() / "half").write_text("ha")  # and then the process is gone
    with replacing_folder(tmp_path / "a") as aside:
        (aside / "whole").write_text("whole")
    assert names(tmp_path) == {"a"}
    assert names(tmp_path / "a") == {"whole"}


def test_a_durable_folder_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, target = tmp_path / "aside", tmp_path / "a"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "file").write_text("x")
    calls: list[str] = []
    sync, rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        calls.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        sync(descriptor)

    def renamed(source: Path, to: Path) -> None:
        calls.append("renamed")
        rename(source, to)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", renamed)
    put_folder(folder, target, durable=True)
    before, after = calls[: calls.index("renamed")], calls[calls.index("renamed") + 1 :]
    assert set(before) == {str(folder), str(folder / "below"), str(folder / "below" / "file")}
    assert after == [str(tmp_path)]
