"""Extracts named members of a zip or tar archive, and nothing else."""

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from gner_core.corpora.fetch.request import Limits
from gner_core.errors import InputError

BLOCK = 1 << 20
SLACK = 1 << 20  # bytes that even a tiny archive may unpack to
OPENERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    NotImplementedError,  # a method of packing that Python cannot read
)


def extract(archive: Path, members: Mapping[str, str], *, folder: Path, limits: Limits) -> None:
    """Write members of an archive below `folder`.

    Args:
        archive: a zip file, or a tar file that may be packed with gzip, bzip2 or xz.
        members: path below `folder` → member; a folder ends with a slash on both sides.

    Raises:
        InputError: when the archive is broken, lacks a member, or holds something unsafe under
            one of these names.
    """
    budget = _Budget(archive.stat().st_size, limits)
    with archive.open("rb") as handle:
        magic = handle.read(6)
    found, seen = set[str](), set[str]()
    try:
        entries = _zip_entries if magic.startswith(b"PK") else _tar_entries
        for name, (target, path), content in entries(archive, members, budget):
            if name in seen:
                raise InputError(f"the archive holds {name!r} twice; which one counts is unclear")
            seen.add(name)
            found.add(path)
            _write(content, folder / target)
    except BROKEN as error:
        raise InputError(f"cannot be unpacked ({error or type(error).__name__})") from None
    missing = [member for path, member in members.items() if path not in found]
    if missing:
        raise InputError(f"the archive has no member {', '.join(missing)}")


class _Budget:
    """Counts what is unpacked, whatever the headers say."""

    def __init__(self, packed: int, limits: Limits) -> None:
        self.limits = limits
        self.bytes_left = min(limits.largest, SLACK + packed * limits.ratio)
        self.members_left = limits.members

    def spend(self, amount: int) -> None:
        self.bytes_left -= amount
        if self.bytes_left < 0:
            raise InputError(
                f"the archive unpacks to more than {self.limits.ratio} times its size "
                f"or {self.limits.largest} bytes; not unpacked further"
            )

    def count(self) -> None:
        self.members_left -= 1
        if self.members_left < 0:
            raise InputError(f"the archive lists more than {self.limits.members} members")


class _Counted:
    """A stream that spends a budget; tar files are read through it, headers and all."""

    def __init__(self, stream: IO[bytes], budget: _Budget) -> None:
        self.stream = stream
        self.budget = budget

    def read(self, size: int) -> bytes:
        block = self.stream.read(size)
        self.budget.spend(len(block))
        return block


Stream = IO[bytes] | _Counted
Target = tuple[str, str]
"""Where a member is written below the folder, and the key of `members` that names it."""
Entry = tuple[str, Target, Stream]


def _zip_entries(archive: Path, members: Mapping[str, str], budget: _Budget) -> Iterator[Entry]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            budget.count()
            target = None if info.is_dir() else _target(info.filename, members)
            if not target:
                continue
            mode = info.external_attr >> 16  # zero when it was not made on a POSIX system
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise InputError(f"member {info.filename!r} is a link or a device; not unpacked")
            if info.flag_bits & 1:
                raise InputError(f"member {info.filename!r} is encrypted")
            with opened.open(info) as content:
                yield info.filename, target, _Counted(content, budget)


def _tar_entries(archive: Path, members: Mapping[str, str], budget: _Budget) -> Iterator[Entry]:
    with _unpacked(archive) as stream:
        counted: Any = _Counted(stream, budget)
        with tarfile.open(fileobj=counted, mode="r|") as opened:
            for info in opened:
                budget.count()
                name = info.name.removeprefix("./")
                target = None if info.isdir() else _target(name, members)
                if not target:
                    continue
                content = opened.extractfile(info) if info.isreg() else None
                if content is None or info.issparse():
                    raise InputError(f"member {name!r} is a link or a device; not unpacked")
                yield name, target, content


@contextmanager
def _unpacked(archive: Path) -> Iterator[IO[bytes]]:
    with archive.open("rb") as handle:
        magic = handle.read(6)
    opener = next((o for start, o in OPENERS.items() if magic.startswith(start)), None)
    with opener(archive) if opener else archive.open("rb") as stream:
        yield stream


def leaves_folder(path: str) -> bool:
    """Say whether a path is no path of a file below a folder: empty, absolute, or with `..`."""
    parts = PurePosixPath(path).parts
    return not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path


def _target(name: str, members: Mapping[str, str]) -> Target | None:
    """Return where a member is written, None for one that is not named."""
    for path, member in members.items():
        if name == member:
            return path, path
        if member.endswith("/") and name.startswith(member):
            inner = name.removeprefix(member)
            if leaves_folder(inner):
                raise InputError(f"member {name!r} would leave its folder; not unpacked")
            return path + inner, path
    return None


def _write(content: Stream, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as handle:
        while block := content.read(BLOCK):
            handle.write(block)
