"""Single files over HTTP from a server that fails in every way that servers do."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest

from gner_core.corpora.fetch import Limits
from gner_core.corpora.fetch.download import Download, download
from gner_core.errors import InputError
from tests.gner_core.corpora.fetch.conftest import TEST, TRAIN, Journal, corpus, https, pin
from tests.gner_core.faulty_server import (
    Fault,
    FaultyServer,
    Handler,
    redirect,
    stall,
    status,
    too_long,
    truncated,
    wrong_bytes,
)

Fetch = Callable[..., Path]
FILE = "toy/train.tsv"
FAULTS = {
    "truncated": (truncated(1000), "connection failed"),
    "403": (status(403), "HTTP 403: access is refused"),
    "404": (status(404), "HTTP 404: there is no such file"),
    "429": (status(429, Retry_After="3600"), "HTTP 429: too many requests; asks to wait 3600 s"),
    "500": (status(500), "HTTP 500: the server fails; tried 3 times"),
    "stall": (stall(1000), r"stalled for 0.3 s; tried 3 times"),
    "stall before the first byte": (stall(0), r"stalled for 0.3 s; tried 3 times"),
    "redirect loop": (redirect("/bad/train.tsv"), "more than 4 redirects"),
    "redirect to a file": (redirect("file:///etc/hostname"), "redirects to file:"),
    "compressed": (
        lambda handler, _: handler.answer(200, b"x", headers={"Content-Encoding": "gzip"}),
        "sends compressed bytes",
    ),
}
WRONG = {
    "wrong bytes": (wrong_bytes(), "wrong checksum"),
    "too long": (too_long(), f"{len(TRAIN) + 4} bytes where {len(TRAIN)} are expected"),
    "empty": (status(200), "bytes where"),
}


def nothing_is_trusted(cache: Path) -> bool:
    files = [f for f in cache.rglob("*") if f.is_file() and "parts" not in f.parts]
    return [f.name for f in files] in ([], ["lock"])


@pytest.mark.parametrize(("fault", "reason"), [*FAULTS.values(), *WRONG.values()],
                         ids=[*FAULTS, *WRONG])  # fmt: skip
def test_after_a_fault_the_next_source_is_tried(
    server: FaultyServer, fetch: Fetch, journal: Journal, fault: Fault, reason: str
) -> None:
    server.files = {"/bad/train.tsv": TRAIN, "/good/train.tsv": TRAIN}
    server.always("/bad/train.tsv", fault)
    bad, good = f"{server.url}/bad/train.tsv", f"{server.url}/good/train.tsv"
    root = fetch(corpus(https(bad), https(good), pins={FILE: pin(TRAIN)}))
    assert (root / FILE).read_bytes() == TRAIN
    assert journal.notes[-1].startswith(f"toy: {bad}: ")


@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "not pinned"])
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_one_clear_error_and_leaves_nothing_that_is_trusted(
    server: FaultyServer, fetch: Fetch, tmp_path: Path, kind: str, pinned: bool
) -> None:
    fault, reason = FAULTS[kind]
    server.files["/bad/train.tsv"] = TRAIN
    server.always("/bad/train.tsv", fault)
    url = f"{server.url}/bad/train.tsv"
    entry = corpus(https(url), pins={FILE: pin(TRAIN)} if pinned else {})
    with pytest.raises(InputError, match=reason) as caught:
        fetch(entry)
    assert str(caught.value).startswith("toy: 1 of 1 files cannot be had (toy/train.tsv)")
    assert url in str(caught.value) and "--source" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert nothing_is_trusted(tmp_path / "cache")
    with pytest.raises(InputError, match="offline"):
        fetch(entry, offline=True)
    server.faults.clear()
    assert (fetch(entry) / FILE).read_bytes() == TRAIN


@pytest.mark.parametrize(("fault", "reason"), WRONG.values(), ids=WRONG)
def test_bytes_that_differ_from_the_pin_are_refused(
    server: FaultyServer, fetch: Fetch, tmp_path: Path, fault: Fault, reason: str
) -> None:
    server.files["/a"] = TRAIN
    server.always("/a", fault)
    with pytest.raises(InputError, match=reason):
        fetch(corpus(https(f"{server.url}/a"), pins={FILE: pin(TRAIN)}))
    assert nothing_is_trusted(tmp_path / "cache")
    assert len(server.asked) == 1  # waiting would not help


def test_every_failed_source_is_named_in_one_line(server: FaultyServer, fetch: Fetch) -> None:
    server.always("/1", status(403))
    sources = [https(f"{server.url}/1"), https(f"{server.url}/2"), https("http://127.0.0.1:9/3")]
    with pytest.raises(InputError) as caught:
        fetch(corpus(*sources))
    said = str(caught.value)
    assert "\n" not in said
    assert f"(1) {server.url}/1: HTTP 403: access is refused; (2) {server.url}/2: HTTP 404" in said
    assert "; (3) http://127.0.0.1:9/3: connection failed" in said
    assert said.endswith("; give a folder or URL that holds them with --source")


def test_passing_faults_are_waited_out(server: FaultyServer, fetch: Fetch) -> None:
    server.files["/a"] = TRAIN
    server.fail("/a", status(500), status(503))
    root = fetch(corpus(https(f"{server.url}/a"), pins={FILE: pin(TRAIN)}))
    assert (root / FILE).read_bytes() == TRAIN
    assert len(server.asked) == 3


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(
    server: FaultyServer, fetch: Fetch, journal: Journal, form: str
) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=1.4), usegmt=True)
    server.files["/a"] = TRAIN
    server.fail("/a", status(429, Retry_After="1" if form == "seconds" else moment))
    started = time.monotonic()
    fetch(corpus(https(f"{server.url}/a")))
    assert time.monotonic() - started > (0.9 if form == "seconds" else 0.2)
    assert "HTTP 429: too many requests; trying again" in journal.notes[0]


@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "not pinned"])
def test_a_cut_body_is_resumed(server: FaultyServer, fetch: Fetch, pinned: bool) -> None:
    server.files["/a"] = TRAIN
    server.fail("/a", truncated(5000))
    root = fetch(corpus(https(f"{server.url}/a"), pins={FILE: pin(TRAIN)} if pinned else {}))
    assert (root / FILE).read_bytes() == TRAIN
    assert server.asked[1].range == "bytes=5000-"
    assert sum(asked.sent for asked in server.asked) == len(TRAIN)


def test_a_later_run_resumes_too(server: FaultyServer, fetch: Fetch) -> None:
    server.files["/a"] = TRAIN
    server.fail("/a", truncated(5000), status(404))
    entry = corpus(https(f"{server.url}/a"))
    with pytest.raises(InputError, match="404"):
        fetch(entry)
    assert (fetch(entry) / FILE).read_bytes() == TRAIN
    assert server.asked[-1].range == "bytes=5000-"


def test_a_file_that_changed_meanwhile_is_not_glued_together(
    server: FaultyServer, fetch: Fetch
) -> None:
    server.files["/a"] = TRAIN
    server.fail("/a", truncated(5000), status(404))
    entry = corpus(https(f"{server.url}/a"))
    with pytest.raises(InputError, match="404"):
        fetch(entry)
    server.files["/a"] = TEST
    assert (fetch(entry) / FILE).read_bytes() == TEST


def test_a_damaged_part_is_thrown_away(server: FaultyServer, fetch: Fetch, tmp_path: Path) -> None:
    server.files["/a"] = TRAIN
    server.fail("/a", truncated(5000), status(404))
    entry = corpus(https(f"{server.url}/a"), pins={FILE: pin(TRAIN)})
    with pytest.raises(InputError, match="404"):
        fetch(entry)
    part = next((tmp_path / "cache").rglob("*.part"))
    part.write_bytes(b"x" * 5000)
    assert (fetch(entry) / FILE).read_bytes() == TRAIN


def test_a_server_without_ranges_starts_over(server: FaultyServer, fetch: Fetch) -> None:
    server.files["/a"], server.ranges = TRAIN, False
    server.fail("/a", truncated(5000))
    assert (fetch(corpus(https(f"{server.url}/a"))) / FILE).read_bytes() == TRAIN


def test_a_body_without_length_needs_a_pin(server: FaultyServer, fetch: Fetch) -> None:
    def no_length(handler: Handler, body: bytes) -> None:
        handler.answer(200, body, headers={"Content-Length": "", "Connection": "close"})
        handler.close_connection = True

    server.files["/a"] = TRAIN
    server.always("/a", no_length)
    with pytest.raises(InputError, match="sends no length"):
        fetch(corpus(https(f"{server.url}/a")))
    root = fetch(corpus(https(f"{server.url}/a"), pins={FILE: pin(TRAIN)}))
    assert (root / FILE).read_bytes() == TRAIN


def test_a_cut_body_without_length_is_asked_for_again(server: FaultyServer, fetch: Fetch) -> None:
    def cut(handler: Handler, body: bytes) -> None:
        handler.answer(200, body[:5000], headers={"Content-Length": "", "Connection": "close"})
        handler.close_connection = True

    server.files["/a"] = TRAIN
    server.fail("/a", cut)
    root = fetch(corpus(https(f"{server.url}/a"), pins={FILE: pin(TRAIN)}))
    assert (root / FILE).read_bytes() == TRAIN
    assert server.asked[1].range == "bytes=5000-"


def test_redirects_are_followed(server: FaultyServer, fetch: Fetch) -> None:
    server.files["/there"] = TRAIN
    server.always("/a", redirect("/b"))
    server.always("/b", redirect(f"{server.url}/there"))
    assert (fetch(corpus(https(f"{server.url}/a"))) / FILE).read_bytes() == TRAIN


def test_endless_redirects_are_given_up(server: FaultyServer, fetch: Fetch) -> None:
    for hop in range(9):
        server.always(f"/{hop}", redirect(f"/{hop + 1}"))
    with pytest.raises(InputError, match="more than 4 redirects"):
        fetch(corpus(https(f"{server.url}/0")))


def test_a_redirect_from_https_to_http_is_not_followed(
    tmp_path: Path, journal: Journal, quick: Limits
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"Location": "http://example.org/a"})

    job = Download(
        "https://example.org/a", tmp_path / "a", tmp_path / "p", "a", None, quick, journal
    )
    client = httpx.Client(transport=httpx.MockTransport(answer))
    with client, pytest.raises(InputError, match="redirects to http:"):
        download(client, job)
    assert not list(tmp_path.iterdir())


def test_secrets_in_urls_are_never_shown_or_stored(
    server: FaultyServer, fetch: Fetch, journal: Journal, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    server.files["/a"] = TRAIN
    server.fail("/a", status(500), truncated(4000), status(404))
    url = server.url.replace("http://", "http://user-ada:hunter2@") + "/a?token=s3cret"
    with pytest.raises(InputError) as caught:
        fetch(corpus(https(url)))
    assert server.asked[0].query == "token=s3cret"
    stored = [f.read_text() for f in (tmp_path / "cache").rglob("*.json")]
    for text in (str(caught.value), *journal.notes, caplog.text, *stored):
        assert "hunter2" not in text and "s3cret" not in text
        assert "user-ada" not in text  # hyphenated: no hash beside it can hold it by chance


def test_progress_reaches_the_end(server: FaultyServer, fetch: Fetch, journal: Journal) -> None:
    server.files["/a"] = TRAIN
    fetch(corpus(https(f"{server.url}/a")))
    assert journal.steps[-1] == (FILE, len(TRAIN), len(TRAIN))


def test_two_fetches_at_once_download_once(server: FaultyServer, fetch: Fetch) -> None:
    server.files["/a"] = TRAIN
    entry = corpus(https(f"{server.url}/a"))
    roots: list[Path] = []
    threads = [threading.Thread(target=lambda: roots.append(fetch(entry))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(roots)) == 1 and len(roots) == 4
    assert (roots[0] / FILE).read_bytes() == TRAIN
    assert len(server.asked) == 1
