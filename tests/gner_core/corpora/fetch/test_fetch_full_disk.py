"""A full disk: a small file system of its own where the machine allows it, and a size limit that
the kernel sets on the files of a process, which needs no rights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gner_core.errors import InputError
from tests.conftest import room_for
from tests.gner_core.corpora.fetch.conftest import TRAIN, corpus, https, pin
from tests.gner_core.corpora.fetch.test_fetch_archive import zipped
from tests.gner_core.faulty_server import FaultyServer

FILE = "toy/train.tsv"
ROOM = 16_384  # bytes; TRAIN has more
Fetch = Callable[..., Path]


def big_files(cache: Path) -> list[Path]:
    return [f for f in cache.rglob("*") if f.is_file() and f.name not in ("lock", "manifest.json")]


@pytest.mark.parametrize("way", ["https", "archive", "mirror"])
def test_a_full_disk_is_one_clear_error_and_leaves_nothing(
    server: FaultyServer, fetch: Fetch, tmp_path: Path, way: str
) -> None:
    assert len(TRAIN) < ROOM * 4
    content = TRAIN * 2
    server.files["/a"] = content
    source: dict[str, Any] = https(f"{server.url}/a")
    mirror = None
    if way == "mirror":
        (tmp_path / "mirror/toy").mkdir(parents=True)
        (tmp_path / "mirror" / FILE).write_bytes(content)
        mirror = str(tmp_path / "mirror")
    elif way == "archive":
        server.files["/a"] = zipped({"train.tsv": content})
        source = {"kind": "archive", "url": f"{server.url}/a", "pin": None,
                  "members": {FILE: "train.tsv"}}  # fmt: skip
    entry = corpus(source, pins={FILE: pin(content)})
    with room_for(ROOM), pytest.raises(InputError) as fault:
        fetch(entry, mirror=mirror)
    said = str(fault.value)
    assert said.startswith("toy: 1 of 1 files cannot be had") and "the disk is full" in said
    assert ("mirror" if mirror else "127.0.0.1") in said
    assert not big_files(tmp_path / "cache")
    assert (fetch(entry, mirror=mirror) / FILE).read_bytes() == content


def test_on_a_full_disk_the_next_source_is_still_tried(server: FaultyServer, fetch: Fetch) -> None:
    server.files = {"/big": TRAIN * 2, "/small": TRAIN[:500]}
    entry = corpus(https(f"{server.url}/big"), https(f"{server.url}/small"))
    with room_for(ROOM):
        root = fetch(entry)
    assert (root / FILE).read_bytes() == TRAIN[:500]


def test_a_real_full_file_system(server: FaultyServer, fetch: Fetch, small_disk: Path) -> None:
    content = TRAIN * 5
    server.files["/a"] = content
    entry = corpus(https(f"{server.url}/a"), pins={FILE: pin(content)})
    assert len(content) > 64_000
    with pytest.raises(InputError, match="the disk is full"):
        fetch(entry, cache=small_disk / "cache")
    assert not big_files(small_disk)
