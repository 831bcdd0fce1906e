"""What the cache trusts, offline mode, mirrors."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gner_core.corpora.fetch.cache import CorpusCache
from gner_core.errors import InputError
from tests.gner_core.corpora.fetch.conftest import TEST, TRAIN, Journal, corpus, https, pin
from tests.gner_core.faulty_server import FaultyServer, status, truncated, wrong_bytes

Fetch = Callable[..., Path]
FILE = "toy/train.tsv"
BOTH = {"train": ["toy/train.tsv"], "test": ["toy/test.tsv"]}


def both(server: FaultyServer, folder: str) -> dict[str, object]:
    server.files[f"/{folder}/train.tsv"] = TRAIN
    server.files[f"/{folder}/test.tsv"] = TEST
    base = f"{server.url}/{folder}"
    return https(train=f"{base}/train.tsv", test=f"{base}/test.tsv")


@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "not pinned"])
def test_what_is_in_the_cache_is_not_fetched_again(
    server: FaultyServer, fetch: Fetch, pinned: bool
) -> None:
    server.files["/a"] = TRAIN
    entry = corpus(https(f"{server.url}/a"), pins={FILE: pin(TRAIN)} if pinned else {})
    root = fetch(entry)
    assert fetch(entry) == fetch(entry, offline=True) == root
    assert len(server.asked) == 1


@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "not pinned"])
@pytest.mark.parametrize("damage", ["cut", "changed", "deleted"])
def test_a_damaged_file_in_the_cache_is_fetched_again(
    server: FaultyServer, fetch: Fetch, pinned: bool, damage: str
) -> None:
    server.files["/a"] = TRAIN
    entry = corpus(https(f"{server.url}/a"), pins={FILE: pin(TRAIN)} if pinned else {})
    file = fetch(entry) / FILE
    if damage == "cut":
        file.write_bytes(TRAIN[:100])
    elif damage == "changed":
        file.write_bytes(TRAIN.replace(b"Oslo", b"Rome"))
    else:
        file.unlink()
    with pytest.raises(InputError, match=r"toy: offline, .* lacks toy/train.tsv; .* fetch toy"):
        fetch(entry, offline=True)
    assert (fetch(entry) / FILE).read_bytes() == TRAIN


@pytest.mark.parametrize("manifest", ["", "{", "[]", '{"files": {"toy/train.tsv": 3}}'])
def test_a_torn_manifest_is_not_trusted(
    server: FaultyServer, fetch: Fetch, tmp_path: Path, manifest: str
) -> None:
    server.files["/a"] = TRAIN
    entry = corpus(https(f"{server.url}/a"))
    fetch(entry)
    next((tmp_path / "cache").rglob("manifest.json")).write_text(manifest)
    assert (fetch(entry) / FILE).read_bytes() == TRAIN
    assert len(server.asked) == 2


def test_another_pin_or_source_never_meets_old_files(server: FaultyServer, fetch: Fetch) -> None:
    server.files = {"/old": TRAIN, "/new": TEST}
    old, new = https(f"{server.url}/old"), https(f"{server.url}/new")
    assert (fetch(corpus(old)) / FILE).read_bytes() == TRAIN
    assert (fetch(corpus(new)) / FILE).read_bytes() == TEST
    assert (fetch(corpus(new, pins={FILE: pin(TEST)})) / FILE).read_bytes() == TEST
    with pytest.raises(InputError, match="are expected"):
        fetch(corpus(new, pins={FILE: pin(TRAIN)}))


def test_a_pinned_file_that_arrived_is_kept_when_its_source_fails_later(
    server: FaultyServer, fetch: Fetch
) -> None:
    first, second = both(server, "first"), both(server, "second")
    server.always("/first/test.tsv", status(404))
    pins = {"toy/train.tsv": pin(TRAIN), "toy/test.tsv": pin(TEST)}
    root = fetch(corpus(first, second, pins=pins, files=BOTH))
    assert (root / "toy/test.tsv").read_bytes() == TEST
    assert "/second/train.tsv" not in [asked.path for asked in server.asked]


def test_files_without_pin_come_all_from_one_source(server: FaultyServer, fetch: Fetch) -> None:
    first, second = both(server, "first"), both(server, "second")
    server.always("/first/train.tsv", wrong_bytes())  # another edition of the corpus
    server.always("/first/test.tsv", status(404))
    entry = corpus(first, second, files=BOTH)
    root = fetch(entry)
    assert (root / "toy/train.tsv").read_bytes() == TRAIN
    (root / "toy/test.tsv").unlink()
    server.faults.pop("/first/test.tsv")
    root = fetch(entry)  # from the first source now, both of them
    assert (root / "toy/train.tsv").read_bytes() != TRAIN
    assert (root / "toy/test.tsv").read_bytes() == TEST


def test_a_source_that_offers_too_little_says_so(server: FaultyServer, fetch: Fetch) -> None:
    server.files["/a"] = TRAIN
    with pytest.raises(InputError, match=r"files of 127.0.0.1: does not offer toy/test.tsv"):
        fetch(corpus(https(f"{server.url}/a"), files=BOTH))


def test_an_unverified_source_is_noted(
    server: FaultyServer, fetch: Fetch, journal: Journal
) -> None:
    server.files["/a"] = TRAIN
    fetch(corpus({**https(f"{server.url}/a"), "verified": False}))
    assert "unverified" in journal.notes[-1]


def test_an_entry_without_sources_asks_for_one(fetch: Fetch) -> None:
    with pytest.raises(InputError, match=r"\(toy/train.tsv\): .* no source; .* --source"):
        fetch(corpus())
    buy = corpus().model_copy(update={"obtain": "buy it from the publisher"})
    with pytest.raises(InputError, match="no source; buy it from the publisher"):
        fetch(buy)


@pytest.mark.parametrize("path", ["../x.tsv", "/etc/hostname", "a/../../x", "a\\..\\x"])
def test_paths_stay_below_the_cache(fetch: Fetch, path: str) -> None:
    with pytest.raises(InputError, match="must be a path below the corpus folder"):
        fetch(corpus(files={"train": [path]}))


def test_nothing_but_files_manifest_and_lock_is_left(
    server: FaultyServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.files["/a"] = TRAIN
    server.fail("/a", truncated(500))
    fetch(corpus(https(f"{server.url}/a")))
    left = {f.name for f in (tmp_path / "cache").rglob("*") if f.is_file()}
    assert left == {"train.tsv", "manifest.json", "lock"}


def test_two_fetches_of_a_corpus_wait_for_each_other_and_say_so(
    server: FaultyServer, fetch: Fetch, journal: Journal, tmp_path: Path
) -> None:
    server.files["/a"] = TRAIN
    entry = corpus(https(f"{server.url}/a"))
    with CorpusCache(tmp_path / "cache", "toy", entry).lock(Journal()):
        second = threading.Thread(target=fetch, args=(entry,))
        second.start()
        deadline = time.monotonic() + 10
        while not journal.notes and time.monotonic() < deadline:
            time.sleep(0.01)
        assert journal.notes == ["toy: another process fetches it; waiting"]
        assert not server.asked
    second.join(10)
    assert len(server.asked) == 1


def test_a_file_where_the_cache_should_be_is_one_line(fetch: Fetch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"toy: .*file"):
        fetch(corpus(https("http://127.0.0.1:9/a")), cache=tmp_path / "file")


# ---------------------------------------------------------------- mirrors


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    (folder / "toy" / "notes").mkdir(parents=True)
    (folder / "toy" / "train.tsv").write_bytes(TRAIN)
    (folder / "toy" / "test.tsv").write_bytes(TEST)
    (folder / "toy" / "notes" / "1.txt").write_text("Ada slept.")
    (folder / "toy" / "notes" / "1.ann").write_text("T1\tperson 0 3\tAda\n")
    (folder / "toy" / "notes" / "2.ann").write_text("")
    return folder


def test_a_mirror_folder_is_asked_instead_of_the_sources(
    server: FaultyServer, fetch: Fetch, mirror: Path
) -> None:
    entry = corpus(https(f"{server.url}/a"), files=BOTH, pins={FILE: pin(TRAIN)})
    root = fetch(entry, mirror=str(mirror), offline=True)
    assert (root / "toy/test.tsv").read_bytes() == TEST
    assert fetch(entry, offline=True) == root
    assert not server.asked


def test_a_mirror_is_held_to_the_pins(fetch: Fetch, mirror: Path) -> None:
    entry = corpus(pins={FILE: pin(TRAIN)})
    (mirror / FILE).write_bytes(TRAIN[:-1])
    with pytest.raises(InputError, match=f"mirror {mirror}: toy/train.tsv: .* bytes where"):
        fetch(entry, mirror=str(mirror))
    (mirror / FILE).write_bytes(TRAIN.replace(b"Oslo", b"Rome"))
    with pytest.raises(InputError, match=r"toy/train.tsv: wrong checksum"):
        fetch(entry, mirror=str(mirror))


def test_a_changed_mirror_is_noticed_where_there_is_no_pin(fetch: Fetch, mirror: Path) -> None:
    fetch(corpus(), mirror=str(mirror))
    (mirror / FILE).write_bytes(TEST)
    assert (fetch(corpus(), mirror=str(mirror)) / FILE).read_bytes() == TEST


def test_a_mirror_url_has_the_same_paths(server: FaultyServer, fetch: Fetch) -> None:
    server.files["/data/a b/train.tsv"] = TRAIN
    entry = corpus(files={"train": ["a b/train.tsv"]})
    root = fetch(entry, mirror=f"{server.url}/data/?token=s3cret")
    assert (root / "a b/train.tsv").read_bytes() == TRAIN
    assert server.asked[0].query == "token=s3cret"


def test_a_mirror_without_the_file_is_one_error(
    server: FaultyServer, fetch: Fetch, mirror: Path
) -> None:
    (mirror / FILE).unlink()
    with pytest.raises(InputError, match=f"mirror {mirror}: has no {FILE}"):
        fetch(corpus(), mirror=str(mirror))
    with pytest.raises(InputError, match=f"{server.url}/toy/train.tsv: HTTP 404"):
        fetch(corpus(), mirror=server.url)
    with pytest.raises(InputError, match="no such folder"):
        fetch(corpus(), mirror=str(mirror / "none"))
    with pytest.raises(InputError, match="give a folder or an http"):
        fetch(corpus(), mirror="ftp://example.org/x")


def test_a_folder_is_fetched_whole(fetch: Fetch, mirror: Path, tmp_path: Path) -> None:
    entry = corpus(files={"train": ["toy/notes/"]})
    notes = fetch(entry, mirror=str(mirror)) / "toy/notes"
    assert sorted(f.name for f in notes.iterdir()) == ["1.ann", "1.txt", "2.ann"]
    manifest = json.loads(next((tmp_path / "cache").rglob("manifest.json")).read_text())
    assert len(manifest["files"]) == 3
    for change in ((notes / "1.ann").unlink, lambda: (notes / "9.txt").write_text("")):
        change()
        with pytest.raises(InputError, match="offline"):
            fetch(entry, offline=True)
        (mirror / "toy/notes/2.ann").touch()
        fetch(entry, mirror=str(mirror))
        assert fetch(entry, offline=True)


def test_pins_inside_a_folder_count(fetch: Fetch, mirror: Path) -> None:
    pins = {"toy/notes/1.txt": pin(b"Ada slept.")}
    entry = corpus(files={"train": ["toy/notes/"]}, pins=pins)
    assert fetch(entry, mirror=str(mirror))
    (mirror / "toy/notes/1.txt").write_text("Ada spoke.")
    with pytest.raises(InputError, match=r"toy/notes/1.txt: wrong checksum"):
        fetch(entry, mirror=str(mirror))
    (mirror / "toy/notes/1.txt").unlink()
    with pytest.raises(InputError, match=r"gave no toy/notes/1.txt"):
        fetch(entry, mirror=str(mirror))
