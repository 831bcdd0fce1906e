"""Ten sentences of our own, published in every form, are read back as they were."""

import random
from collections import Counter
from pathlib import Path

import pytest

from gner_core.corpora.prepare import read_split, stream_split
from gner_core.corpora.sampling import draw
from gner_core.records import write_sentences
from tests.gner_core.corpora.own_corpora import (
    OWN_CORPORA,
    READ,
    Files,
    OwnCorpus,
    columns,
    rows,
    tab,
)


def put(folder: Path, files: Files) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("name", OWN_CORPORA)
def test_every_form_gives_the_same_sentences(tmp_path: Path, name: str) -> None:
    own = OWN_CORPORA[name]
    put(tmp_path, own.files)
    repairs: Counter[str] = Counter()
    read = read_split("own", own.params(), split="train", folder=tmp_path, repairs=repairs)
    assert [(s.words, s.tags) for s in read] == READ
    assert repairs == own.repairs
    assert [s.id for s in read] == [f"own/train/{n}" for n in range(10)]
    assert {s.types for s in read} == {("person", "location", "organization")}


def prepared(folder: Path, own: OwnCorpus, **changes: object) -> tuple[bytes, bytes]:
    """The Parquet file of a corpus and of a sample of it."""
    params = own.params(**changes)
    sentences = stream_split("own", params, split="train", folder=folder, repairs=Counter())
    write_sentences(folder / "all.parquet", sentences)
    drawn = draw(folder / "all.parquet", per_corpus=7, method="random", seed=3)
    write_sentences(folder / "sample.parquet", drawn.sentences)
    return (folder / "all.parquet").read_bytes(), (folder / "sample.parquet").read_bytes()


@pytest.mark.parametrize("name", OWN_CORPORA)
def test_two_machines_write_the_same_bytes(tmp_path: Path, name: str) -> None:
    own = OWN_CORPORA[name]
    put(tmp_path / "one", own.files)
    shuffled = list(own.files.items())
    random.Random(1).shuffle(shuffled)
    put(tmp_path / "two", dict(shuffled))
    assert prepared(tmp_path / "one", own) == prepared(tmp_path / "two", own)


def test_the_order_of_files_in_the_params_does_not_count(tmp_path: Path) -> None:
    sentences = rows(tab)
    parts = {f"part-{n}.tsv": columns(sentences[n : n + 3]) for n in (0, 3, 6, 9)}
    put(tmp_path, parts)
    own = OWN_CORPORA["tabs"]
    one = prepared(tmp_path, own, files={"train": tuple(parts)})
    two = prepared(tmp_path, own, files={"train": tuple(reversed(parts))})
    assert one == two
