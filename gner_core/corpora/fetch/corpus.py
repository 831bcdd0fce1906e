"""Fetches the missing files of a catalog entry into the cache, from one source after another."""

import errno
from pathlib import Path

from gner_core.config.corpus import CorpusParams
from gner_core.corpora.fetch.cache import CorpusCache
from gner_core.corpora.fetch.request import FetchRequest, Limits, Report
from gner_core.corpora.fetch.sources import Supplier, is_url, suppliers
from gner_core.errors import InputError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def fetch_corpus(
    name: str,
    corpus: CorpusParams,
    *,
    cache: Path,
    mirror: str | None,
    offline: bool,
    report: Report,
    limits: Limits = Limits(),  # noqa: B008 (it is frozen)
) -> Path:
    """Return the folder of the files of `corpus`, fetched where they are not in the cache.

    Every file with a pin has the pinned bytes; files without one come all from one source, and are
    fetched anew from a mirror.

    Args:
        cache: folder of all corpora; nothing outside it is written.
        mirror: a folder or an http(s) URL with the same paths, used instead of the sources.
        offline: use the cache (and a mirror folder) only.

    Raises:
        InputError: when a file cannot be had; names the corpus, each source and its reason.
    """
    cached = CorpusCache(cache, name, corpus)
    choice = suppliers(corpus, mirror=mirror)
    try:
        missing = cached.missing(renew=mirror is not None)
        if missing and offline and (mirror is None or is_url(mirror)):
            raise InputError(
                f"{name}: offline, and the cache {cached.root} lacks {_listed(missing)}; "
                f"fetch it once: gner data fetch {name}"
            )
        if missing:
            with cached.lock(report):
                _fill(cached, choice, renew=mirror is not None, limits=limits, report=report)
    except OSError as error:
        raise InputError(f"{name}: {cache}: {_disk_reason(error)}") from None
    return cached.root


def _fill(
    cached: CorpusCache, choice: list[Supplier], *, renew: bool, limits: Limits, report: Report
) -> None:
    missing = cached.missing(renew=renew)  # again: another process may have been at work
    failures: list[str] = []
    for supplier in choice:
        if not missing:
            break
        if failures:
            report.note(f"{cached.name}: {failures[-1]}; trying the next source")
        folder, scratch = cached.workspace(supplier.label)
        request = FetchRequest(missing, cached.pins, folder, scratch, limits, report)
        try:
            supplier.fetch(request)
            cached.accept(folder, missing, origin=supplier.label)
        except InputError as error:
            failures.append(str(error))
            cached.salvage(folder, missing)
        except OSError as error:
            failures.append(f"{supplier.label}: {_disk_reason(error)}")
            cached.tidy()  # gives a full disk its space back
        else:
            if not supplier.verified:
                report.note(
                    f"{cached.name}: {supplier.label} is unverified: nobody has seen its bytes"
                )
            missing = ()
            break
        missing = cached.missing(renew=renew)
    if missing:
        raise InputError(_complaint(cached, missing, failures))
    cached.tidy()


def _complaint(cached: CorpusCache, missing: tuple[str, ...], failures: list[str]) -> str:
    """Say what is missing, why each source failed, and what to do, in one line."""
    head = f"{cached.name}: {len(missing)} of {len(cached.paths)} files cannot be had"
    reasons = failures or ["the catalog names no source"]
    if len(reasons) > 1:
        reasons = [f"({number}) {reason}" for number, reason in enumerate(reasons, start=1)]
    advice = cached.obtain or "give a folder or URL that holds them with --source"
    return f"{head} ({_listed(missing)}): {'; '.join(reasons)}; {advice}"


def _listed(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(paths[:3]) + more


def _disk_reason(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in FULL:
        return f"the disk is full{where}; free space or choose another cache folder"
    return f"{error.strerror or type(error).__name__}{where}"
