"""Ten sentences of our own, published in every form, are read back as they were."""

import random
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gner_core.corpora.prepare import stream_split
from gner_core.corpora.samples.drawing import draw
from gner_core.errors import InputError
from gner_core.records import write_sentences
from tests.gner_core.corpora.own_corpora import (
    OWN_CORPORA,
    READ,
    SENTENCES,
    TAGS,
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
    read = list(stream_split("own", own.params(), split="train", folder=tmp_path, repairs=repairs))
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


def test_a_file_that_datasets_wrote(tmp_path: Path) -> None:
    from datasets import ClassLabel, Dataset, Features, List, Value

    own = OWN_CORPORA["hub Parquet"]
    features = Features(
        {"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=list(TAGS)))}
    )
    values = {
        "tokens": [list(words) for words, _ in SENTENCES],
        "ner_tags": [list(tags) for _, tags in SENTENCES],
    }
    Dataset.from_dict(values, features=features).to_parquet(str(tmp_path / own.entry))
    read = list(
        stream_split("own", own.params(), split="train", folder=tmp_path, repairs=Counter())
    )
    assert [(s.words, s.tags) for s in read] == READ


@pytest.mark.parametrize(
    ("columns", "form", "message"),
    [
        ({"tokens": [["a"]], "ner_tags": [[0]]}, {}, "row 1: .* name integers: tag_names"),
        ({"tokens": [["a"]], "ner_tags": [[3]]}, {"tag_names": ["O"]}, "row 1: tag 3 .* 0 to 0"),
        ({"tokens": [["a"], None], "ner_tags": [["O"], ["O"]]}, {}, "row 2: 'tokens' must be"),
        ({"tokens": [["a"]], "ner_tags": [[None]]}, {"tag_names": ["O"]}, "row 1: tag None in"),
        ({"tokens": [["a"], ["b"]], "ner_tags": [["O"], []]}, {}, "row 2: 1 words but 0 tags"),
        ({"tokens": [["a"]]}, {}, "no column 'ner_tags'; there are: tokens"),
    ],
)
def test_faults_of_parquet_files_name_the_row(
    tmp_path: Path, columns: dict[str, list[object]], form: dict[str, object], message: str
) -> None:
    own = OWN_CORPORA["hub Parquet"]
    pq.write_table(pa.table(columns), tmp_path / own.entry)
    params = own.params(format={**own.form, **form})
    with pytest.raises(InputError, match=message):
        list(stream_split("own", params, split="train", folder=tmp_path, repairs=Counter()))
