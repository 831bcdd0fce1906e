"""The output of an annotation: rows, counts, and that nothing else is ever overwritten."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gner_core.annotating.dataset import Dataset
from gner_core.annotating.entities import Tally, rows_of, write_entities
from gner_core.annotating.sources import MANIFEST
from gner_core.annotating.texts import Part, Record
from gner_core.errors import InputError
from gner_core.runtime.files import replacing_file
from tests.s3_server import S3

HEAD = {"model": "train/abc", "looked_for": ["person"]}
PART = Part(0, [Record("a", n, f"x{n}", f"text {n}") for n in (1, 2, 3)])


def entity(label: str, confidence: float | None) -> dict[str, object]:
    return {"start": 0, "end": 4, "label": label, "text": "text", "confidence": confidence}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The entities of `PART`, whose last text was not read."""
    found = [[entity("person", 0.9), entity("city", 0.4)], [entity("person", 0.2)], None]
    write_entities(tmp_path / "entities.parquet", found)
    return tmp_path / "entities.parquet"


def test_rows_and_counts(file: Path) -> None:
    rows = rows_of(PART, file)
    assert rows.to_pylist()[0] == {
        "file": "a",
        "line": 1,
        "id": "x1",
        "text": "text 1",
        "entities": [entity("person", 0.9), entity("city", 0.4)],
    }
    assert rows["entities"].to_pylist()[2] is None
    tally = Tally(["person", "city", "river"])
    tally.add(rows)
    tally.add(rows)
    assert tally.values() == {
        "texts": 6,
        "with_entities": 4,
        "not_read": 2,
        "types": {
            "person": {"entities": 4, "mean_confidence": 0.55, "unsure": 2},
            "city": {"entities": 2, "mean_confidence": 0.4, "unsure": 2},
            "river": {"entities": 0, "mean_confidence": None, "unsure": None},
        },
    }


def test_entities_without_confidence_and_texts_without_entities(tmp_path: Path) -> None:
    write_entities(tmp_path / "none", [[], [], []])
    write_entities(tmp_path / "some", [[entity("person", None)], [], []])
    tally = Tally(["person"])
    tally.add(rows_of(PART, tmp_path / "none"))
    tally.add(rows_of(PART, tmp_path / "some"))
    assert tally.values()["types"] == {
        "person": {"entities": 1, "mean_confidence": None, "unsure": None}
    }


def check(url: str, file: Path) -> None:
    """What a folder does on any filesystem."""
    dataset = Dataset(url)

    def begin(key: str, *, is_taken: bool = False, **changed: object) -> object:
        return dataset.begin(key, {**HEAD, **changed}, is_taken=is_taken)

    assert begin("key") is None
    assert begin("other") is None  # nothing was written for the first one yet
    assert begin("key") is None
    with pytest.raises(InputError, match="holds another, unfinished annotation of other texts"):
        begin("other", is_taken=True)
    written = dataset.write(0, rows_of(PART, file))
    assert written["file"] == "part-00000.parquet"
    with pytest.raises(InputError, match=r"annotation, with the types person; nothing was changed"):
        begin("other", looked_for=["city"])
    assert begin("key") is None  # goes on
    dataset.finish({"key": "key", **HEAD, "parts": [written]})
    assert begin("key")
    with pytest.raises(InputError, match="holds another annotation, with the model train/abc"):
        begin("other", model="train/def")
    dataset.objects.write(written["file"], b"damaged")
    assert begin("key") is None
    dataset.write(0, rows_of(PART, file))


def test_a_folder_belongs_to_one_annotation(file: Path, tmp_path: Path) -> None:
    check(str(tmp_path / "below" / "out"), file)
    table = pq.read_table(tmp_path / "below" / "out")  # the manifest is no part of the table
    assert table.num_rows == 3
    assert table.column_names == ["file", "line", "id", "text", "entities"]


def test_an_object_store_does_the_same(file: Path, tmp_path: Path, s3: S3) -> None:
    check(s3.url(f"{tmp_path.name}/out"), file)


def test_a_folder_that_another_process_is_just_taking_is_no_strange_one(tmp_path: Path) -> None:
    with replacing_file(tmp_path / MANIFEST) as unfinished:
        unfinished.write_text("{")
        assert Dataset(str(tmp_path)).begin("key", HEAD, is_taken=False) is None
    assert not unfinished.exists()


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.parquet").write_text("mine")
    with pytest.raises(InputError, match="not empty, and holds no annotation; nothing was changed"):
        Dataset(str(tmp_path)).begin("key", HEAD, is_taken=False)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(InputError, match="cannot be read; name another folder"):
        Dataset(str(tmp_path)).begin("key", HEAD, is_taken=False)
    assert {file.name for file in tmp_path.iterdir()} == {"mine.parquet", MANIFEST}
