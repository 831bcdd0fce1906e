"""The kinds of sources: https files, archives, the hub, and mirrors (a folder or a base URL).

Every function writes files below `request.folder` and raises `InputError` with one line that names
the source and the reason. Files that were complete before the error stay.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from gner_core.config.corpus import ArchiveSource, CorpusParams, HttpsSource, HubSource, Pin
from gner_core.corpora.fetch.archive import extract
from gner_core.corpora.fetch.download import Download, download, http_client, public_url
from gner_core.corpora.fetch.request import FetchRequest
from gner_core.errors import InputError
from gner_core.hub import hub_errors, refuse_damaged


@dataclass(frozen=True, slots=True)
class Supplier:
    """A source, ready to fetch from."""

    label: str
    """Its name in messages; holds no secret."""
    verified: bool
    """Whether its files have been downloaded and pinned before."""
    fetch: Callable[[FetchRequest], None]


def suppliers(corpus: CorpusParams, *, mirror: str | None) -> list[Supplier]:
    """Return the sources of the files, in order of preference; with a mirror, only that.

    Raises:
        InputError: when the mirror is neither a folder nor an http(s) URL.
    """
    if mirror is not None:
        return [_mirror(mirror)]
    return [_supplier(source) for source in corpus.sources]


def is_url(mirror: str) -> bool:
    """Say whether a mirror is a URL rather than a folder."""
    return "://" in mirror


def from_urls(urls: dict[str, str], label: str, request: FetchRequest) -> None:
    """Download files one by one."""
    with http_client(request.limits) as client:
        for path in request.paths:
            if path in urls:
                download(client, _job(urls[path], path, request, pin=request.pins.get(path)))
    _refuse_uncovered(request.paths, urls, label)


def from_archive(source: ArchiveSource, label: str, request: FetchRequest) -> None:
    """Download an archive and take the files out of it."""
    name = Path(urlsplit(source.url).path).name or "archive"
    job = _job(source.url, name, request, pin=source.pin)
    archive = replace(job, target=request.scratch / "archive")
    with http_client(request.limits) as client:
        download(client, archive)
    members = {path: source.members[path] for path in request.paths if path in source.members}
    try:
        extract(archive.target, members, folder=request.folder, limits=request.limits)
    except InputError as error:
        raise InputError(f"{label}: {error}") from None
    finally:
        archive.target.unlink()
    _refuse_uncovered(request.paths, members, label)


def from_hub(source: HubSource, label: str, request: FetchRequest) -> None:
    """Download files of a dataset repository with the hub's own client."""
    for path in request.paths:
        if path not in source.paths:
            continue
        where = f"{label}, file {source.paths[path]}"
        with hub_errors(where):
            from huggingface_hub import hf_hub_download

            got = hf_hub_download(
                source.repo,
                source.paths[path],
                repo_type="dataset",
                revision=source.revision,
                cache_dir=request.scratch / "hub",
                tqdm_class=_hub_progress(request, path),
            )
        refuse_damaged(Path(got), label=where)
        target = request.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(Path(got).resolve(), target)
    _refuse_uncovered(request.paths, source.paths, label)


def from_folder(root: Path, request: FetchRequest) -> None:
    """Copy files of a mirror folder."""
    lacking = [path for path in request.paths if not (root / path).exists()]
    if lacking:
        raise InputError(f"mirror {root}: has no {', '.join(lacking)}")
    for path in request.paths:
        source, target = root / path, request.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source, target)
            size = target.stat().st_size
            request.report.progress(path, size, size)


def _hub_progress(request: FetchRequest, path: str) -> type:
    """Return a silent progress bar for the hub client: reports bytes, stops an endless download.

    The client resumes a cut body as long as bytes arrive, which from a server that always cuts and
    cannot resume never ends.
    """
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):
        received = 0

        def __init__(self, **bar: Any) -> None:
            super().__init__(**{**bar, "disable": True})

        def update(self, amount: float | None = 1) -> None:
            """Count bytes; a negative amount takes back those of a download that starts over."""
            self.n += amount or 0
            self.received += max(int(amount or 0), 0)
            if self.received > request.limits.attempts * (self.total or request.limits.largest):
                raise InputError("the server cuts the file again and again")
            request.report.progress(path, int(self.n), self.total)

    return Bar


def _job(url: str, name: str, request: FetchRequest, *, pin: Pin | None) -> Download:
    target, part = request.folder / name, request.scratch / f"{name}.part"
    return Download(url, target, part, name, pin, request.limits, request.report)


def _mirror(mirror: str) -> Supplier:
    if is_url(mirror):
        parts = urlsplit(mirror)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"--source {public_url(mirror)}: give a folder or an http(s) URL")
        label = f"mirror {public_url(mirror)}"
        return Supplier(label, verified=True, fetch=partial(_from_mirror_url, mirror, label))
    root = Path(mirror)
    if not root.is_dir():
        raise InputError(f"--source {mirror}: no such folder")
    return Supplier(f"mirror {mirror}", verified=True, fetch=partial(from_folder, root))


def _from_mirror_url(base: str, label: str, request: FetchRequest) -> None:
    parts = urlsplit(base)
    urls = {}
    for path in request.paths:
        if path.endswith("/"):
            raise InputError(f"{label}: {path} is a folder, which needs a mirror folder")
        urls[path] = urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(path)}"))
    from_urls(urls, label, request)


def _supplier(source: HttpsSource | HubSource | ArchiveSource) -> Supplier:
    if isinstance(source, HttpsSource):
        hosts = sorted({urlsplit(url).hostname or "?" for url in source.urls.values()})
        label = f"files of {', '.join(hosts)}"
        return Supplier(label, source.verified, partial(from_urls, source.urls, label))
    if isinstance(source, ArchiveSource):
        label = public_url(source.url)
        return Supplier(label, source.verified, partial(from_archive, source, label))
    label = f"hub dataset {source.repo} at {source.revision}"
    return Supplier(label, source.verified, partial(from_hub, source, label))


def _refuse_uncovered(paths: Iterable[str], offered: Iterable[str], label: str) -> None:
    uncovered = [path for path in paths if path not in set(offered)]
    if uncovered:
        raise InputError(f"{label}: does not offer {', '.join(uncovered)}")
