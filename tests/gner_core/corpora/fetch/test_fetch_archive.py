"""Archives, honest and hostile: only named members come out, and only below their paths."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gner_core.corpora.fetch import Limits
from gner_core.corpora.fetch.archive import extract
from gner_core.errors import InputError
from tests.gner_core.corpora.fetch.conftest import TEST, TRAIN, corpus, pin
from tests.gner_core.faulty_server import FaultyServer, status, truncated

FILE = "toy/train.tsv"
MEMBERS = {"toy/train.tsv": "data/train.tsv", "toy/notes/": "data/notes/"}
CONTENT = {"data/train.tsv": TRAIN, "data/notes/1.txt": b"Ada slept.", "data/notes/deep/2.txt": b"",
           "data/other.bin": b"not asked for"}  # fmt: skip


def zipped(content: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(content: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def tar_of(*infos: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for info in infos:
            archive.addfile(info)
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def linked_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("data/train.tsv")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/hostname")
    return buffer.getvalue()


PACKERS: dict[str, Callable[[Mapping[str, bytes]], bytes]] = {
    "zip": zipped,
    "tar": lambda content: tarred(content, "w"),
    "tar.gz": tarred,
    "tar.bz2": lambda content: tarred(content, "w:bz2"),
    "tar.xz": lambda content: tarred(content, "w:xz"),
    "tar with ./": lambda content: tarred({f"./{k}": v for k, v in content.items()}),
}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "out"


def unpack(content: bytes, out: Path, limits: Limits | None = None) -> set[str]:
    """Unpack, and return every file that is anywhere near the target folder."""
    top = out.parents[1]
    (top / "packed").write_bytes(content)
    extract(top / "packed", MEMBERS, folder=out, limits=limits or Limits())
    return near(top)


def near(top: Path) -> set[str]:
    return {str(f.relative_to(top)) for f in top.rglob("*") if not f.is_dir()} - {"packed"}


@pytest.mark.parametrize("packer", PACKERS.values(), ids=PACKERS)
def test_named_members_and_nothing_else_come_out(
    out: Path, packer: Callable[[Mapping[str, bytes]], bytes]
) -> None:
    names = {f"deep/out/toy/{name}" for name in ("train.tsv", "notes/1.txt", "notes/deep/2.txt")}
    assert unpack(packer(CONTENT), out) == names
    assert (out / FILE).read_bytes() == TRAIN


HOSTILE = {
    "climbs out": (zipped({**CONTENT, "data/notes/../../../../evil": b"x"}), "leave its folder"),
    "climbs out of a tar": (
        tarred({**CONTENT, "data/notes/../../../../evil": b"x"}),
        "leave its folder",
    ),
    "absolute": (tarred({**CONTENT, "data/notes//evil": b"x"}), "leave its folder"),
    "backslashes": (zipped({**CONTENT, "data/notes/..\\..\\evil": b"x"}), "leave its folder"),
    "link in a zip": (linked_zip(), "link or a device"),
    "symbolic link": (
        tar_of(special("data/train.tsv", tarfile.SYMTYPE, "/etc/hostname")),
        "link or a device",
    ),
    "hard link": (
        tar_of(special("data/train.tsv", tarfile.LNKTYPE, "/etc/hostname")),
        "link or a device",
    ),
    "device": (tar_of(special("data/notes/null", tarfile.CHRTYPE)), "link or a device"),
    "pipe": (tar_of(special("data/notes/pipe", tarfile.FIFOTYPE)), "link or a device"),
    "one name twice": (
        tarred({"data/train.tsv": TRAIN, "./data/train.tsv": TEST}),
        "'data/train.tsv' twice",
    ),
    "bomb": (zipped({**CONTENT, "data/notes/zeros": bytes(30_000_000)}), "more than 200 times"),
    "bomb in a tar": (tarred({"zeros": bytes(30_000_000), **CONTENT}), "more than 200 times"),
    "missing member": (zipped({"data/train.tsv": TRAIN}), "has no member data/notes/"),
    "no archive": (b"<html>please log in</html>", "cannot be unpacked"),
    "cut zip": (zipped(CONTENT)[:-40], "cannot be unpacked"),
    "cut tar": (tarred(CONTENT)[:-60], "cannot be unpacked"),
}


@pytest.mark.parametrize(("content", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_and_broken_archives_are_refused(out: Path, content: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        unpack(content, out)
    top = out.parents[1]
    assert all(name.startswith("deep/out/toy/") for name in near(top))
    assert not any(f.is_symlink() for f in top.rglob("*"))


def test_too_many_members_are_refused(out: Path) -> None:
    with pytest.raises(InputError, match="more than 3 members"):
        unpack(tarred(CONTENT), out, replace(Limits(), members=3))


def test_damage_inside_a_zip_is_noticed(out: Path) -> None:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as archive:
        for name, data in CONTENT.items():
            archive.writestr(name, data)
    with pytest.raises(InputError, match="cannot be unpacked"):
        unpack(stored.getvalue().replace(b"Ada", b"Eve"), out)


# ---------------------------------------------------------------- as a source


def entry_of(server: FaultyServer, packed: bytes, *, pinned: bool = True, **more: object) -> object:
    server.files["/toy.zip"] = packed
    source = {
        "kind": "archive",
        "url": f"{server.url}/toy.zip",
        "pin": pin(packed) if pinned else None,
        "members": MEMBERS,
    }
    return corpus(source, files={"train": [FILE], "test": ["toy/notes/"]}, **more)


@pytest.mark.parametrize("packer", [zipped, tarred], ids=["zip", "tar"])
def test_a_corpus_comes_out_of_an_archive(
    server: FaultyServer,
    fetch: Callable[..., Path],
    packer: Callable[[Mapping[str, bytes]], bytes],
) -> None:
    entry = entry_of(server, packer(CONTENT), pins={FILE: pin(TRAIN)})
    server.fail("/toy.zip", status(500), truncated(50))
    root = fetch(entry)
    assert (root / FILE).read_bytes() == TRAIN
    assert (root / "toy/notes/1.txt").read_text() == "Ada slept."
    assert fetch(entry, offline=True) == root


def test_faults_of_an_archive_name_corpus_and_source(
    server: FaultyServer, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    other = entry_of(server, zipped({**CONTENT, "data/train.tsv": TEST}), pins={FILE: pin(TRAIN)})
    with pytest.raises(InputError, match=rf"^toy: .*: {server.url}/toy.zip: {FILE}: "):
        fetch(other)
    with pytest.raises(InputError, match=rf"{server.url}/toy.zip: cannot be unpacked"):
        fetch(entry_of(server, zipped(CONTENT)[:-40], pinned=False))
    server.always("/toy.zip", status(404))
    with pytest.raises(InputError, match=rf"{server.url}/toy.zip: HTTP 404"):
        fetch(entry_of(server, zipped(CONTENT)))
    assert not [f for f in (tmp_path / "cache").rglob("files/**/*") if f.is_file()
                and "parts" not in f.parts]  # fmt: skip
