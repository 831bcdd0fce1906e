"""`gner annotate`: the same output however the work is shared and interrupted, each part made once."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from flows.annotate import annotate_here
from gner_core.annotating.dataset import Dataset
from gner_core.annotating.params import Annotation
from gner_core.annotating.unfinished import working
from gner_core.config.backbone import BackboneParams
from gner_core.config.checkpoint import VERSION, Description, describe
from gner_core.config.reading.files import read_params
from gner_core.errors import InputError
from gner_core.systems.gner.targets import BIO
from tasks.paths import open_store
from tasks.standalone.clean import clean
from tests.conftest import plain_log
from tests.flows.conftest import Home
from tests.s3_server import S3
from tests.tasks.annotating.stub_worker import found

STUB = "tests.tasks.annotating.stub_worker"
TEXTS = [f"Ada{n} flew from Rome{n % 7} to city {n}." for n in range(25)]


@dataclass
class Corpus:
    """A folder with texts and a checkpoint, on a machine with a home of its own."""

    folder: Path

    def write(self, name: str, texts: list[str]) -> Path:
        lines = (json.dumps({"id": f"t{n}", "text": text}) for n, text in enumerate(texts))
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines))
        return self.folder / name

    def annotate(self, data: Path, out: str, **changed: Any) -> Any:
        given = {
            "checkpoint": str(self.folder / "model"),
            "about": None,
            "data": [str(data)],
            "output": str(self.folder / out),
            "types": ["person", "city"],
            "form": None,
            "text": "text",
            "id": None,
            "part": 4,
            "beams": 1,
            "batch": 8,
            "workers": 1,
        }
        console = Console(quiet=True)
        return annotate_here(Annotation.model_validate({**given, **changed}), console=console)

    def rows(self, out: str) -> list[dict[str, Any]]:
        return list(pq.read_table(self.folder / out).to_pylist())

    def parts(self) -> dict[str, float]:
        """The published parts with the time at which each was made."""
        files = (self.folder / "home" / "store" / "annotate").glob("*/manifest.json")
        return {file.parent.name: file.stat().st_mtime_ns for file in files}


@pytest.fixture
def corpus(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Corpus]:
    monkeypatch.setenv("GNER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GNER_STORE", raising=False)
    monkeypatch.setattr("tasks.workers.PRELOADED", ())
    monkeypatch.setattr("tasks.annotating.pool.WORKER", STUB)
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.safetensors").write_text("weights")
    backbone = read_params(BackboneParams, root / "params" / "models" / "tiny-t5.yaml")
    describe(model, Description(version=VERSION, backbone=backbone, target=BIO, types=("x",)))
    yield Corpus(tmp_path)
    plain_log()


def test_every_text_has_a_row_with_its_entities(corpus: Corpus) -> None:
    done = corpus.annotate(corpus.write("a.jsonl", TEXTS), "out")
    rows = corpus.rows("out")
    assert [row["text"] for row in rows] == TEXTS
    assert [(row["file"], row["line"], row["id"]) for row in rows[:2]] == [
        ("a.jsonl", 1, "t0"),
        ("a.jsonl", 2, "t1"),
    ]
    assert [row["entities"] for row in rows] == [found(text, "person") for text in TEXTS]
    manifest = done.manifest
    assert manifest["texts"] == done.made_here == 25
    assert manifest["types"]["person"]["entities"] == 50
    assert len(manifest["parts"]) == len(corpus.parts()) == 7
    assert manifest["computed_in"] == ["float32"]


def test_the_same_texts_elsewhere_are_not_annotated_again(corpus: Corpus) -> None:
    one = corpus.annotate(corpus.write("a.jsonl", TEXTS), "out")
    made = corpus.parts()
    (corpus.folder / "b.txt").write_text("\n".join([*TEXTS[:20], "Eve rests."]))
    other = corpus.annotate(corpus.folder / "b.txt", "other")
    assert (other.made_here, other.manifest["texts"]) == (1, 21)
    assert made.items() < corpus.parts().items()
    again = corpus.annotate(corpus.folder / "a.jsonl", "out")
    assert again.manifest == one.manifest
    assert again.made_here == 0


@pytest.mark.parametrize(
    "changed", [{"types": ["person"]}, {"types": ["city", "person"]}, {"beams": 2}, {"part": 5}]
)
def test_types_decoding_and_size_of_parts_are_in_the_key(
    corpus: Corpus, changed: dict[str, Any]
) -> None:
    data = corpus.write("a.jsonl", TEXTS)
    corpus.annotate(data, "out")
    assert corpus.annotate(data, "other", **changed).made_here == 25
    with pytest.raises(InputError, match="out: holds another annotation"):
        corpus.annotate(data, "out", **changed)
    assert corpus.annotate(data, "third", batch=1, workers=2).made_here == 0


def test_a_bad_record_is_told_before_any_work(corpus: Corpus) -> None:
    data = corpus.write("a.jsonl", TEXTS)
    with data.open("a") as file:
        file.write('{"text": null}\n')
    with pytest.raises(InputError, match=r"a\.jsonl, line 26: the field of the text holds None"):
        corpus.annotate(data, "out")
    assert corpus.parts() == {}
    assert not (corpus.folder / "out").exists()


def test_a_text_that_the_model_cannot_read_is_counted_and_named(corpus: Corpus) -> None:
    data = corpus.write("a.jsonl", [*TEXTS[:5], "TOO-LONG", "UNREAD"])
    manifest = corpus.annotate(data, "out").manifest
    assert manifest["not_read"] == 1
    assert manifest["first_not_read"] == [{"file": "a.jsonl", "line": 6, "why": "word 1: too long"}]
    assert manifest["faults"] == {"unread": 1}
    assert [row["entities"] is None for row in corpus.rows("out")] == [*[False] * 5, True, False]


def test_a_worker_that_dies_loses_no_finished_part(corpus: Corpus) -> None:
    data = corpus.write("a.jsonl", [*TEXTS[:12], "DIE"])
    with pytest.raises(RuntimeError, match="ended with code -9"):
        corpus.annotate(data, "out")
    before = corpus.parts()
    assert len(before) in (2, 3)  # the last two parts wait for the worker, in either order
    assert not list((corpus.folder / "home" / "store" / ".staging").glob("*"))
    data = corpus.write("a.jsonl", TEXTS)
    corpus.annotate(data, "out")
    assert before.items() < corpus.parts().items()


def test_finished_parts_are_kept_until_the_output_is_complete(corpus: Corpus) -> None:
    data = corpus.write("a.jsonl", [*TEXTS[:12], "DIE"])
    with pytest.raises(RuntimeError, match="ended with code -9"):
        corpus.annotate(data, "out")
    store, before = open_store(), corpus.parts()
    assert clean(store, None, free=True) == []
    assert corpus.parts() == before
    shutil.rmtree(corpus.folder / "out")
    assert {one.ref.key for one in clean(store, None, free=True)} >= {*before}
    assert corpus.parts() == {}


def test_another_annotation_does_not_take_a_folder_at_which_one_is_at_work(corpus: Corpus) -> None:
    output = Dataset(str(corpus.folder / "out"))
    data = corpus.write("a.jsonl", TEXTS)
    with working(open_store(), output.url, "other", []):
        output.begin("other", {}, is_taken=False)
        with pytest.raises(InputError, match="out: holds another, unfinished annotation"):
            corpus.annotate(data, "out")
    assert corpus.annotate(data, "out").made_here == 25


def test_files_that_are_lost_from_a_complete_output_are_written_again(corpus: Corpus) -> None:
    data = corpus.write("a.jsonl", TEXTS)
    corpus.annotate(data, "out")
    (corpus.folder / "out" / "part-00001.parquet").unlink()
    (corpus.folder / "out" / "part-00002.parquet").write_bytes(b"")
    assert corpus.annotate(data, "out").made_here == 0
    assert [row["text"] for row in corpus.rows("out")] == TEXTS


def test_a_fault_of_the_input_that_only_the_worker_sees_names_the_part(corpus: Corpus) -> None:
    data = corpus.write("a.jsonl", [*TEXTS[:4], "REFUSE"])
    with pytest.raises(InputError, match=r"^annotate part 2: text 1: refused$"):
        corpus.annotate(data, "out")


def test_texts_that_change_meanwhile_are_noticed(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import annotate as flow

    data = corpus.write("a.jsonl", TEXTS)
    request = flow.worker_request

    def changing(*given: Any, **more: Any) -> Any:
        corpus.write("a.jsonl", [*TEXTS[:9], "other", *TEXTS[10:]])
        return request(*given, **more)

    monkeypatch.setattr(flow, "worker_request", changing)
    with pytest.raises(InputError, match=r"changed while it was annotated \(part 3\)"):
        corpus.annotate(data, "out")


def both(*works: Callable[[], Any]) -> list[Any]:
    results: list[Any] = [None] * len(works)

    def run(number: int) -> None:
        results[number] = works[number]()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_runs_share_the_parts_and_write_one_output(
    corpus: Corpus, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has half of the slow texts; together they take as long as one of them has."""
    monkeypatch.setenv("GNER_STORE", s3.url(f"{corpus.folder.name}/store"))
    texts = [text for n in range(4) for text in ("SLOW", *TEXTS[3 * n : 3 * n + 3])]
    data = corpus.write("a.jsonl", texts)
    alone = corpus.annotate(corpus.write("b.jsonl", texts[:4]), "small")
    assert alone.made_here == 4
    runs = both(*[lambda: corpus.annotate(data, "out")] * 2)
    assert sum(run.made_here for run in runs) == 12  # the first part was there
    assert all(run.made_here for run in runs)
    assert runs[0].manifest == runs[1].manifest
    assert [row["text"] for row in corpus.rows("out")] == texts


def test_the_command_prints_a_table_and_takes_a_real_model(tiny_home: Home, tmp_path: Path) -> None:
    (backbone,) = (tiny_home.folder / "store" / "backbone").iterdir()
    texts = ["Ada Lovelace flew to Rome.", "", "Bo waits."]
    (tmp_path / "t.txt").write_text("\n".join(texts))
    given = (backbone.name, str(tmp_path / "t.txt"), "--types", "person, city", "--part", "2")
    done = tiny_home.gner("annotate", *given, "--out", str(tmp_path / "out"))
    assert done.code == 0, done.err
    assert [line.split()[0] for line in done.out.splitlines()[2:4]] in (
        ["person", "city"],
        ["city", "person"],
    )
    assert "annotated here: 3 texts" in done.out
    rows = pq.read_table(tmp_path / "out").to_pylist()
    predicted = tiny_home.gner("predict", backbone.name, str(tmp_path / "t.txt"), "--types", "person, city", "--format", "json")  # fmt: skip
    same = [json.loads(line)["entities"] for line in predicted.out.splitlines()]
    for row, entities in zip(rows, same, strict=True):
        labels = [(one["start"], one["end"], one["label"]) for one in row["entities"]]
        assert labels == [(one["start"], one["end"], one["label"]) for one in entities]
    again = tiny_home.gner("annotate", *given, "--out", str(tmp_path / "out"), "--json")
    assert json.loads(again.out)["complete"]
    refused = tiny_home.gner("annotate", *given, "--out", str(tmp_path))
    assert refused.code == 2
    assert "not empty, and holds no annotation" in refused.err


def test_a_word_over_the_limits_of_a_model_costs_its_text_alone(
    tiny_home: Home, tmp_path: Path
) -> None:
    (backbone,) = (tiny_home.folder / "store" / "backbone").iterdir()
    (tmp_path / "t.txt").write_text(f"Ada waves.\n{'qxz' * 2000}\nBo waits.")
    given = (backbone.name, str(tmp_path / "t.txt"), "--types", "person", "--json")
    done = tiny_home.gner("annotate", *given, "--out", str(tmp_path / "out"))
    assert done.code == 0, done.err
    manifest = json.loads(done.out)
    assert manifest["not_read"] == 1
    (first,) = manifest["first_not_read"]
    assert (first["line"], "too long" in first["why"]) == (2, True)
