"""A faulty server, a record of what a fetch reports, patience in milliseconds, small entries."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gner_core.config.corpus import CorpusParams
from gner_core.corpora.fetch import Limits, fetch_corpus
from tests.gner_core.faulty_server import FaultyServer, faulty_server

TRAIN = b"Rain\tO\nfell\tO\nin\tO\nOslo\tB-place\n\nNobody\tO\nminded\tO\n\n" * 400
TEST = b"Ada\tB-person\nslept\tO\n\n" * 300


@dataclass
class Journal:
    """A report that remembers."""

    notes: list[str] = field(default_factory=list)
    steps: list[tuple[str, int, int | None]] = field(default_factory=list)

    def note(self, line: str) -> None:
        self.notes.append(line)

    def progress(self, file: str, done: int, total: int | None) -> None:
        self.steps.append((file, done, total))


@pytest.fixture(autouse=True)
def loopback_without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as running:
        yield running


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def quick() -> Limits:
    return Limits(connect=2, read=0.3, attempts=3, first_wait=0.01, longest_wait=1.5, redirects=4)


def pin(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def corpus(
    *sources: dict[str, Any],
    pins: dict[str, Any] | None = None,
    files: dict[str, list[str]] | None = None,
) -> CorpusParams:
    """An entry with one or two files and the sources given."""
    return CorpusParams.model_validate(
        {
            "files": files or {"train": ["toy/train.tsv"]},
            "format": {
                "kind": "conll",
                "scheme": "bio",
                "separator": "tab",
                "columns": 2,
                "token_column": 0,
                "tag_column": 1,
            },
            "labels": {"place": "place", "person": "person"},
            "labels_to_o": [],
            "cut_at_words": None,
            "licence": "CC0-1.0",
            "origin": "our own text",
            "pins": pins or {},
            "sources": [{"verified": True, **source} for source in sources],
        }
    )


def https(*places: str, **named: str) -> dict[str, Any]:
    """A source of single files: `https(url)` is one of toy/train.tsv."""
    urls = {"toy/train.tsv": places[0]} if places else {}
    return {"kind": "https", "urls": {**urls, **{f"toy/{k}.tsv": v for k, v in named.items()}}}


@pytest.fixture
def fetch(tmp_path: Path, journal: Journal, quick: Limits) -> Callable[..., Path]:
    """`fetch(entry)` with a cache in a temporary folder."""

    def run(entry: CorpusParams, **options: Any) -> Path:
        settings: dict[str, Any] = {
            "cache": tmp_path / "cache",
            "mirror": None,
            "offline": False,
            "report": journal,
            "limits": quick,
        }
        return fetch_corpus("toy", entry, **{**settings, **options})

    return run
