"""Downloads one URL to one file; errors are one line.

The body is written to a part file, from which a broken download is resumed, if the server confirms
that the file has not changed (If-Range) or a pin will show it. The target appears when the body is
complete. URLs are shown without user names, passwords and queries, which may hold tokens.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gner_core.config.corpus import Pin
from gner_core.corpora.fetch.request import Limits, Report
from gner_core.errors import InputError
from gner_core.retry_after import retry_after
from gner_core.runtime.files import read_json, write_json
from gner_core.store.fingerprint import file_sha256

if TYPE_CHECKING:
    import httpx

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # worth another attempt
MEANINGS = {
    401: "access is refused",
    403: "access is refused",
    404: "there is no such file",
    410: "the file is gone",
    429: "too many requests",
}


@dataclass(frozen=True, slots=True)
class Download:
    """One file to download."""

    url: str
    target: Path
    part: Path
    """Where the body is written, kept from run to run."""
    name: str
    """The file's name in reports."""
    pin: Pin | None
    limits: Limits
    report: Report

    @property
    def shown(self) -> str:
        """The URL as messages may show it."""
        return public_url(self.url)

    @property
    def part_note(self) -> Path:
        """The file that says of which download the part is."""
        return self.part.with_name(self.part.name + ".json")

    def forget_part(self) -> None:
        """Delete the part; the next attempt starts from the first byte."""
        self.part.unlink(missing_ok=True)
        self.part_note.unlink(missing_ok=True)


class _TryAgainError(Exception):
    """An attempt failed for a reason that may pass."""

    def __init__(self, reason: str, *, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait  # seconds that the server asked for


def public_url(url: str) -> str:
    """Return the URL without user name, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" + ("?…" if parts.query else "")


@contextmanager
def http_client(limits: Limits) -> Iterator["httpx.Client"]:
    """Open a client for `download`."""
    import httpx

    # At level info this logger writes whole URLs, with the tokens that they may hold.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    headers = {"Accept-Encoding": "identity", "User-Agent": "gner"}  # sizes are those of the file
    timeout = httpx.Timeout(limits.read, connect=limits.connect)
    with httpx.Client(timeout=timeout, headers=headers, follow_redirects=False) as client:
        yield client


def download(client: "httpx.Client", job: Download) -> None:
    """Write the body of `job.url` to `job.target`.

    Raises:
        InputError: when the server refuses, when every attempt fails, and when size or checksum
            differ from the pin; names the URL and the reason.
        OSError: when the disk fails; a part is left and nothing else.
    """
    for file in (job.target, job.part):
        file.parent.mkdir(parents=True, exist_ok=True)
    limits = job.limits
    for attempt in range(1, limits.attempts + 1):
        try:
            _attempt(client, job)
        except _TryAgainError as failure:
            wait = failure.wait
            if wait is not None and wait > limits.longest_wait:
                raise InputError(f"{job.shown}: {failure}; asks to wait {wait:.0f} s") from None
            if attempt == limits.attempts:
                raise InputError(f"{job.shown}: {failure}; tried {attempt} times") from None
            if wait is None:
                wait = min(limits.first_wait * 2 ** (attempt - 1), limits.longest_wait)
            job.report.note(f"{job.shown}: {failure}; trying again in {wait:g} s")
            time.sleep(wait)
        else:
            return


def _attempt(client: "httpx.Client", job: Download) -> None:
    import httpx

    start, validator = _resumable(job)
    headers = {"Range": f"bytes={start}-"} if start else {}
    if start and validator:
        headers["If-Range"] = validator
    try:
        with _answer(client, job, headers) as response:
            start = _accepted(response, job, start)
            _receive(response, job, start)
    except httpx.ConnectTimeout:
        raise _TryAgainError(f"no connection within {job.limits.connect:g} s") from None
    except httpx.TimeoutException:
        raise _TryAgainError(f"stalled for {job.limits.read:g} s") from None
    except httpx.TransportError as error:
        raise _TryAgainError(f"connection failed ({error or type(error).__name__})") from None
    except httpx.InvalidURL:
        raise InputError(f"{job.shown}: not a valid URL") from None
    _verify(job, resumed=start > 0)
    os.replace(job.part, job.target)
    job.part_note.unlink(missing_ok=True)


@contextmanager
def _answer(
    client: "httpx.Client", job: Download, headers: dict[str, str]
) -> Iterator["httpx.Response"]:
    """Follow redirects, never from https to http."""
    request = client.build_request("GET", job.url, headers=headers)
    for _ in range(job.limits.redirects + 1):
        with closing(client.send(request, stream=True)) as response:
            if response.next_request is None:
                yield response
                return
        before, request = request.url.scheme, response.next_request
        if request.url.scheme not in ("https", before):
            raise InputError(
                f"{job.shown}: redirects to {request.url.scheme}: which is not followed"
            )
    raise InputError(f"{job.shown}: more than {job.limits.redirects} redirects")


def _accepted(response: "httpx.Response", job: Download, start: int) -> int:
    """Check status and headers; return the byte at which the body begins."""
    status = response.status_code
    if status == 416:
        job.forget_part()
        raise _TryAgainError("HTTP 416: the part does not fit")
    if status in PASSING:
        meaning = MEANINGS.get(status, "the server fails")
        wait = retry_after(response.headers, now=time.time())
        raise _TryAgainError(f"HTTP {status}: {meaning}", wait=wait)
    if status not in (200, 206):
        meaning = MEANINGS.get(status, "no file is given")
        raise InputError(f"{job.shown}: HTTP {status}: {meaning}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise InputError(f"{job.shown}: sends compressed bytes although it was asked not to")
    if status == 200:
        return 0
    if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        job.forget_part()
        raise _TryAgainError("the server resumed at another byte")
    return start


def _receive(response: "httpx.Response", job: Download, start: int) -> None:
    length = response.headers.get("Content-Length", "")
    total = start + int(length) if length.isdecimal() else None
    chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    largest = job.pin.bytes if job.pin else job.limits.largest
    if total is not None and ((job.pin and total != largest) or total > largest):
        bound = "" if job.pin else "at most "
        raise InputError(f"{job.shown}: {total} bytes where {bound}{largest} are expected")
    if total is None and not chunked and not job.pin:
        raise InputError(
            f"{job.shown}: sends no length, so a cut file would pass for a whole one; pin the file"
        )
    if not start:
        _note_part(job, response)
    done = start
    with job.part.open("ab" if start else "wb") as handle:
        for chunk in response.iter_raw():
            done += len(chunk)
            if done > largest:
                raise InputError(f"{job.shown}: more than the {largest} bytes expected")
            handle.write(chunk)
            job.report.progress(job.name, done, total or (job.pin.bytes if job.pin else None))
    if job.pin and done < job.pin.bytes:
        raise _TryAgainError(f"the body ended after {done} of {job.pin.bytes} bytes")


def _verify(job: Download, *, resumed: bool) -> None:
    if job.pin is None:
        return
    found = file_sha256(job.part)
    if found == job.pin.sha256:
        return
    job.forget_part()
    reason = f"wrong checksum: sha256 {found[:12]}… where {job.pin.sha256[:12]}… is pinned"
    if resumed:  # the two pieces may be of two files: worth a fresh start
        raise _TryAgainError(reason)
    raise InputError(f"{job.shown}: {reason}")


def _note_part(job: Download, response: "httpx.Response") -> None:
    etag = response.headers.get("ETag", "")
    strong = "" if etag.startswith("W/") else etag  # a weak one does not vouch for bytes
    validator = strong or response.headers.get("Last-Modified", "")
    note = {"url": _hash_of(job.url), "validator": validator}
    write_json(job.part_note, note)


def _resumable(job: Download) -> tuple[int, str]:
    """Return how many bytes of the part can be kept, and the validator for If-Range."""
    try:
        note = read_json(job.part_note)
        size = job.part.stat().st_size
    except (FileNotFoundError, ValueError):  # no part, or a killed process left half of it
        return 0, ""
    if note["url"] != _hash_of(job.url) or (job.pin and size >= job.pin.bytes):
        return 0, ""
    return (size, note["validator"]) if note["validator"] or job.pin else (0, "")


def _hash_of(url: str) -> str:
    return sha256(url.encode()).hexdigest()  # the URL itself may hold a token
