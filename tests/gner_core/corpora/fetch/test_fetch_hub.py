"""Dataset files through the hub's own client, from a local server that speaks its interface.

The client reads HF_ENDPOINT when it is imported, so it runs in a process of its own.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gner_core.config.corpus import CorpusParams
from gner_core.corpora.fetch import Limits
from gner_core.corpora.fetch.request import FetchRequest
from gner_core.corpora.fetch.sources import suppliers
from gner_core.errors import InputError
from tests.gner_core.corpora.fetch.conftest import TEST, TRAIN, Journal, corpus, https, pin
from tests.gner_core.faulty_server import FaultyServer
from tests.gner_core.hub_server import TOKEN, HubServer, Repository, hub_server

FILE = "toy/train.tsv"
SHARD = "toy/train-00000-of-00001.parquet"
COMMIT = Repository({}).commit
CHILD = """
import json, sys, time
from pathlib import Path
time.sleep = lambda seconds: None  # the hub client waits half a minute before it gives up
from gner_core.corpora.fetch import fetch_corpus
from gner_core.config.corpus import CorpusParams
from gner_core.errors import InputError

class Journal:
    def note(self, line): pass
    def progress(self, file, done, total): self.last = [file, done, total]

answers = []
for entry, cache, offline in json.load(sys.stdin):
    journal = Journal()
    try:
        root = fetch_corpus("toy", CorpusParams.model_validate(entry), cache=Path(cache),
                            mirror=None, offline=offline, report=journal)
        answers.append([str(root), getattr(journal, "last", None)])
    except InputError as error:
        answers.append(["", str(error)])
print(json.dumps(answers))
"""


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with hub_server() as running:
        yield running


def shard() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"tokens": [["Ada", "slept"]], "tags": [[1, 0]]}), buffer)
    return buffer.getvalue()


def of_hub(repo: str, path: str = "data/train.tsv", *, revision: str = COMMIT) -> dict[str, Any]:
    return {"kind": "hub", "repo": repo, "revision": revision, "paths": {FILE: path}}


def fetch_all(
    hub: HubServer, tmp_path: Path, *cases: CorpusParams, offline: bool = False, **variables: str
) -> list[tuple[str, Any]]:
    """Fetch each entry into a cache of its own; return (root, progress) or ("", message)."""
    request = [
        (case.model_dump(mode="json"), str(tmp_path / f"cache{number}"), offline)
        for number, case in enumerate(cases)
    ]
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps(request),
        env={**os.environ, **hub.environment(str(tmp_path / "home")), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return [tuple(answer) for answer in json.loads(done.stdout)]


def test_files_of_a_dataset_arrive_verified(hub: HubServer, tmp_path: Path) -> None:
    files = {"data/train.tsv": TRAIN, "data/train-0.parquet": shard()}
    hub.repositories["datasets/us/toy"] = Repository(files)
    parquet = corpus(
        {**of_hub("us/toy"), "paths": {SHARD: "data/train-0.parquet"}}, files={"train": [SHARD]}
    )
    loose, pinned = corpus(of_hub("us/toy")), corpus(of_hub("us/toy"), pins={FILE: pin(TRAIN)})
    answers = fetch_all(hub, tmp_path, loose, pinned, parquet)
    assert [last for _, last in answers[:2]] == [[FILE, len(TRAIN), len(TRAIN)]] * 2
    assert (Path(answers[0][0]) / FILE).read_bytes() == TRAIN
    assert pq.read_table(Path(answers[2][0]) / SHARD)["tags"].to_pylist() == [[1, 0]]
    before = len(hub.asked)
    assert [root for root, _ in fetch_all(hub, tmp_path, loose, pinned, offline=True)] == [
        root for root, _ in answers[:2]
    ]
    assert len(hub.asked) == before
    assert not list(tmp_path.glob("cache*/**/parts")) and not (tmp_path / "home" / "hub").exists()


def test_faults_of_the_hub_are_one_clear_line_each(hub: HubServer, tmp_path: Path) -> None:
    whole = {"data/train.tsv": TRAIN, "data/0.parquet": shard()}
    wrong = bytes(byte ^ 1 for byte in shard())
    hub.repositories = {
        "datasets/us/toy": Repository(whole),
        "datasets/us/gated": Repository(whole, gated=True),
        "datasets/us/other": Repository(whole, broken={"data/0.parquet": wrong}),
        "datasets/us/small": Repository(whole, broken={"data/train.tsv": TRAIN[::-1]}),
        "datasets/us/cut": Repository(whole, broken={"data/0.parquet": shard()[:-9]}),
        "datasets/us/always-cut": Repository(whole, cut=frozenset(whole)),
        "datasets/us/down": Repository(whole, failing=503),
        "datasets/us/forbidden": Repository(whole, failing=403),
    }
    cases = [
        (of_hub("us/toy", revision="f" * 40), "no such revision"),
        (of_hub("us/toy", "data/none.tsv"), "no such file"),
        (of_hub("us/none"), "no such repository"),
        (of_hub("us/gated"), "the repository is gated; accept its terms there and set HF_TOKEN"),
        (of_hub("us/other", "data/0.parquet"), "wrong checksum"),
        (of_hub("us/small"), "wrong checksum"),
        (of_hub("us/cut", "data/0.parquet"), "file should be of size"),
        (of_hub("us/always-cut"), "the connection to the hub failed (RemoteProtocolError)"),
        (of_hub("us/down"), "HTTP 503 from the hub"),
        (of_hub("us/forbidden"), "HTTP 403 from the hub"),
        (of_hub("not/a/repo"), "Repo id must"),
    ]
    entries = [corpus(source) for source, _ in cases]
    answers = fetch_all(hub, tmp_path, *entries)
    for (root, said), (source, reason) in zip(answers, cases, strict=True):
        assert not root and "\n" not in said
        place = f"hub dataset {source['repo']} at {source['revision']}"
        head = f"toy: 1 of 1 files cannot be had ({FILE}): {place}, file {source['paths'][FILE]}: "
        assert said.startswith(head) and reason in said
    left = [f for f in tmp_path.glob("cache*/**/*") if f.is_file() and "parts" not in f.parts]
    assert {f.name for f in left} == {"lock"}
    again = fetch_all(hub, tmp_path, *entries)
    assert (Path(again[4][0]) / FILE).read_bytes() == shard()
    assert (Path(again[5][0]) / FILE).read_bytes() == TRAIN


def test_after_the_hub_the_next_source_is_tried(
    hub: HubServer, server: FaultyServer, tmp_path: Path
) -> None:
    server.files["/a"] = TRAIN
    hub.repositories["datasets/us/toy"] = Repository({"data/train.tsv": TEST})
    entry = corpus(of_hub("us/toy"), https(f"{server.url}/a"), pins={FILE: pin(TRAIN)})
    ((root, _),) = fetch_all(hub, tmp_path, entry)
    assert (Path(root) / FILE).read_bytes() == TRAIN


def test_a_token_opens_a_gated_repository_and_stays_with_the_hub(
    hub: HubServer, tmp_path: Path
) -> None:
    hub.repositories["datasets/us/gated"] = Repository({"0.parquet": shard()}, gated=True)
    entry = corpus(of_hub("us/gated", "0.parquet"))
    ((root, _),) = fetch_all(hub, tmp_path, entry, HF_TOKEN=TOKEN)
    assert (Path(root) / FILE).read_bytes() == shard()
    shown = {path.split("/")[0] for _, path, authorization in hub.asked if authorization}
    assert "cdn" not in shown and shown == {"datasets"}


def test_a_body_that_is_cut_for_ever_is_given_up(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client resumes without end while bytes arrive: ten megabytes at a time."""

    def resume_for_ever(*_: Any, tqdm_class: Any, **__: Any) -> None:
        bar = tqdm_class(total=100, initial=0)
        while len(journal.steps) < 50:
            bar.update(100)
            bar.update(-100)  # the client starts over

    monkeypatch.setattr("huggingface_hub.hf_hub_download", resume_for_ever)
    request = FetchRequest((FILE,), {}, tmp_path, tmp_path, Limits(attempts=2), journal)
    with pytest.raises(
        InputError, match=r"hub dataset us/toy .*: the server cuts .* again and again"
    ):
        suppliers(corpus(of_hub("us/toy")), mirror=None)[0].fetch(request)
    assert journal.steps[0] == (FILE, 100, 100)
    assert len(journal.steps) < 10


def test_without_network_the_hub_is_one_clear_line(hub: HubServer, tmp_path: Path) -> None:
    entry = corpus(of_hub("us/toy"))
    ((_, said),) = fetch_all(hub, tmp_path, entry, HF_HUB_OFFLINE="1")
    assert "not in the local cache, and HF_HUB_OFFLINE is set" in said
    ((_, said),) = fetch_all(hub, tmp_path, entry, HF_ENDPOINT="http://127.0.0.1:9")
    assert "the connection to the hub failed (ConnectError)" in said
