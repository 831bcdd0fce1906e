"""A full disk: a small file system of its own where the machine allows it, and a size limit that
the kernel sets on the files of a process, which needs no rights."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.gner_core.corpora.fetch.conftest import TRAIN, corpus, https, pin
from tests.gner_core.faulty_server import FaultyServer

FILE = "toy/train.tsv"
ROOM = 16_384  # bytes; TRAIN has more
CHILD = """
import json, resource, sys
from pathlib import Path
from gner_core.corpora.fetch import fetch_corpus
from gner_core.config.corpus import CorpusParams
from gner_core.errors import InputError

class Silent:
    def note(self, line): print(line, file=sys.stderr)
    def progress(self, *_): pass

entry, cache, mirror, room = json.loads(sys.argv[1])
if room:
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
try:
    print(fetch_corpus("toy", CorpusParams.model_validate(entry), cache=Path(cache), mirror=mirror,
                       offline=False, report=Silent()))
except InputError as error:
    print(error)
    sys.exit(2)
"""


def child(
    entry: Any, cache: Path, *, room: int | None, mirror: str | None = None
) -> tuple[int, str]:
    """Fetch in a process whose files may have `room` bytes; return exit code and output."""
    request = json.dumps([entry.model_dump(mode="json"), str(cache), mirror, room])
    command = [sys.executable, "-c", CHILD, request]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout.strip()


def big_files(cache: Path) -> list[Path]:
    return [f for f in cache.rglob("*") if f.is_file() and f.name not in ("lock", "manifest.json")]


@pytest.mark.parametrize("way", ["https", "archive", "mirror"])
def test_a_full_disk_is_one_clear_error_and_leaves_nothing(
    server: FaultyServer, tmp_path: Path, way: str
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
        from tests.gner_core.corpora.fetch.test_fetch_archive import zipped

        server.files["/a"] = zipped({"train.tsv": content})
        source = {"kind": "archive", "url": f"{server.url}/a", "pin": None,
                  "members": {FILE: "train.tsv"}}  # fmt: skip
    entry = corpus(source, pins={FILE: pin(content)})
    cache = tmp_path / "cache"
    code, said = child(entry, cache, room=ROOM, mirror=mirror)
    assert code == 2
    assert said.startswith("toy: 1 of 1 files cannot be had") and "the disk is full" in said
    assert ("mirror" if mirror else "127.0.0.1") in said
    assert not big_files(cache)
    code, root = child(entry, cache, room=None, mirror=mirror)
    assert (code, (Path(root) / FILE).read_bytes()) == (0, content)


def test_on_a_full_disk_the_next_source_is_still_tried(
    server: FaultyServer, tmp_path: Path
) -> None:
    server.files = {"/big": TRAIN * 2, "/small": TRAIN[:500]}
    entry = corpus(https(f"{server.url}/big"), https(f"{server.url}/small"))
    code, root = child(entry, tmp_path / "cache", room=ROOM)
    assert code == 0
    assert (Path(root) / FILE).read_bytes() == TRAIN[:500]


def test_a_real_full_file_system(server: FaultyServer, small_disk: Path) -> None:
    content = TRAIN * 5
    server.files["/a"] = content
    entry = corpus(https(f"{server.url}/a"), pins={FILE: pin(content)})
    assert len(content) > 64_000
    code, said = child(entry, small_disk / "cache", room=None)
    assert code == 2 and "the disk is full" in said
    assert not big_files(small_disk)
