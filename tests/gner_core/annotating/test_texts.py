"""The texts of a corpus: forms, compression, order, and faults that name file and line."""

import gzip
import json
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gner_core.annotating.params import Form
from gner_core.annotating.sources import MANIFEST, find_sources
from gner_core.annotating.texts import Part, Record, read_parts
from gner_core.errors import InputError

TEXTS = ["Ada waves.", "", "東京 👩‍🚀"]


def parts(
    *given: Path | str,
    size: int = 2,
    text: str = "text",
    form: Form | None = None,
    id_field: str | None = None,
) -> list[Part]:
    sources = find_sources([str(one) for one in given], form)
    return list(read_parts(sources, size=size, text=text, id_field=id_field))


def records(*given: Path | str, **options: Any) -> list[Record]:
    return [record for part in parts(*given, **options) for record in part.records]


def test_json_lines_parquet_and_text_give_the_same_parts(tmp_path: Path) -> None:
    lines = "".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(TEXTS))
    (tmp_path / "a.jsonl").write_text(f"\ufeff{lines}\n", encoding="utf-8")
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    pq.write_table(
        pa.table({"text": TEXTS, "id": [0, 1, 2], "x": [1, 1, 1]}), tmp_path / "c.parquet"
    )
    (tmp_path / "d.txt").write_bytes("\r\n".join(TEXTS).encode())
    found = {
        name: parts(tmp_path / name) for name in ("a.jsonl", "b.jsonl.gz", "c.parquet", "d.txt")
    }
    for name, (first, second) in found.items():
        assert first.texts == TEXTS[:2]
        assert second.texts == TEXTS[2:]
        assert [record.line for record in (*first.records, *second.records)] == [1, 2, 3]
        assert {record.file for record in first.records} == {name}
    assert len({tuple(part.text_digest() for part in given) for given in found.values()}) == 1
    assert [record.id for record in records(tmp_path / "a.jsonl")] == ["0", "1", "2"]
    assert {record.id for record in records(tmp_path / "d.txt")} == {None}


def test_the_digest_of_a_part_tells_texts_apart_and_not_places(tmp_path: Path) -> None:
    one = Part(0, [Record("a", 1, "x", "Ada"), Record("a", 2, None, "waves")])
    moved = Part(7, [Record("b", 5, None, "Ada"), Record("b", 9, None, "waves")])
    cut = Part(0, [Record("a", 1, "x", "Adaw"), Record("a", 2, None, "aves")])
    assert one.text_digest() == moved.text_digest() != cut.text_digest()
    assert one.place_digest() == cut.place_digest() != moved.place_digest()


def test_folders_and_patterns_are_read_in_order_of_names(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "notes.md", "in/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert [r.text for r in records(tmp_path)] == ["a.txt", "b.txt", "in/c.txt"]
    assert [r.text for r in records(f"{tmp_path}/*.txt")] == ["a.txt", "b.txt"]
    assert [r.text for r in records(tmp_path / "in", tmp_path / "a.txt")] == ["in/c.txt", "a.txt"]
    (tmp_path / "in" / "a.txt").write_text("again")
    paths = {record.file for record in records(tmp_path)}
    assert str(tmp_path / "in" / "a.txt") in paths  # one name for two files would tell nothing


def test_of_a_folder_only_texts_are_read_and_the_others_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.txt", "B.TXT", ".a.txt", ".hidden/c.txt", "c.csv", "out/part-00000.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "out" / MANIFEST).write_text("{}")
    with caplog.at_level(logging.INFO, "gner"):
        assert {r.text for r in records(tmp_path)} == {"a.txt", "B.TXT"}
    others = f".a.txt, .hidden/c.txt, c.csv, out/{MANIFEST}, out/part-00000.txt"
    assert caplog.messages == [f"{tmp_path}: 5 files are not read as texts: {others}"]
    assert [r.text for r in records(tmp_path / "out")] == ["out/part-00000.txt"]  # as it was named


def test_a_file_with_two_names_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Ada")
    (tmp_path / "b.txt").symlink_to("a.txt")
    with pytest.raises(InputError, match=rf"b.txt: named twice, also as {tmp_path}/a.txt"):
        records(tmp_path)


def test_a_field_that_is_named_for_ids_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a", "doc": 5}\n{"text": "b", "doc": null}\n')
    assert [r.id for r in records(tmp_path / "a.jsonl", id_field="doc")] == ["5", None]
    with pytest.raises(
        InputError, match=r"line 1: no field 'dok'; its fields are text, doc; .* --id"
    ):
        records(tmp_path / "a.jsonl", id_field="dok")
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(InputError, match=r"a.txt: lines of text have no fields; leave out --id"):
        records(tmp_path / "a.txt", id_field="id")


def test_ids_are_written_as_in_json(tmp_path: Path) -> None:
    lines = (json.dumps({"id": one, "text": "a"}) for one in ("x", 1, 1.5, True, None))
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert [r.id for r in records(tmp_path / "a.jsonl")] == ["x", "1", "1.5", "true", None]
    pq.write_table(pa.table({"text": ["a", "b"], "id": [1.0, math.nan]}), tmp_path / "a.parquet")
    assert [r.id for r in records(tmp_path / "a.parquet")] == ["1.0", None]
    (tmp_path / "b.jsonl").write_text('{"id": [1], "text": "a"}\n')
    with pytest.raises(InputError, match=r"b.jsonl, line 1: the id is \[1\]; ids are texts or num"):
        records(tmp_path / "b.jsonl")


def test_a_zip_is_not_read_as_its_first_file(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "two.zip", "w") as packed:
        packed.writestr("a.txt", "a")
        packed.writestr("b.txt", "b")
    with pytest.raises(InputError, match=r"two.zip: no text, nor compressed as its name says"):
        records(tmp_path / "two.zip", form="text")


def test_memory_is_that_of_one_part(tmp_path: Path) -> None:
    """A million lines are behind the first part, and are not read with it."""
    file = tmp_path / "big.txt"
    file.write_text("a line of text\n" * 1_000_000)
    stream = read_parts(find_sources([str(file)], None), size=1000, text="text", id_field=None)
    assert len(next(stream).records) == 1000
    file.write_text("")  # what is not buffered is gone
    assert sum(len(part.records) for part in stream) < 10_000


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.jsonl",
            b'{"text": "x"}\n{"text": 5}\n',
            "a.jsonl, line 2: .* holds 5, which is no text",
        ),
        ("a.jsonl", b'{"text": "x"}\n{"text"\n', "a.jsonl, line 2: not a JSON object"),
        ("a.jsonl", b"[1]\n", r"a.jsonl, line 1: not a JSON object, but \[1\]"),
        ("a.jsonl", b'{"body": "x"}\n', "line 1: no field 'text'; its fields are body; .* --text"),
        ("a.jsonl", b'{"text": "\\ud800"}\n', "a.jsonl, line 1: holds half a surrogate pair"),
        ("a.txt", b"Ada\n\xff\n", "a.txt, line 2: not UTF-8"),
        ("a.txt", "Ada".encode("utf-16-le"), "a.txt, line 1: holds a NUL"),
        (
            "a.jsonl",
            b'{"text": "a"}\n{"text": "a", "text": "b"}\n',
            "line 2: .*'text' is there twice",
        ),
        ("a.txt", b"x" * (1 << 24) + b"yy", "a.txt, line 1: longer than 16 MiB"),
        ("a.jsonl.gz", b"no gzip", "a.jsonl.gz: cannot be read"),
        ("a.jsonl.gz", gzip.compress(b"{}\n" * 9, mtime=0)[:-9], "a.jsonl.gz"),
        ("a.parquet", b"no parquet", "a.parquet: cannot be read"),
        ("a.csv", b"x", "its name ends in none of .* --form"),
    ],
)
def test_a_bad_record_is_named_by_file_and_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as fault:
        records(tmp_path / name)
    assert "\n" not in str(fault.value)


def test_a_null_in_parquet_is_named_by_its_row(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"] * 3000 + [None]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet, row 3001: .* holds None"):
        records(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="no column 'body'; its columns are text"):
        records(tmp_path / "a.parquet", text="body")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda at: [f"{at}/none.txt"], "no file of texts there"),
        (lambda at: [f"{at}/*.jsonl"], "no file of texts there"),
        (lambda at: [f"{at}/a.txt", f"{at}/*.txt"], "a.txt: named twice"),
        (lambda at: ["s3://key:secret@bucket/x.txt"], "s3://…: no credentials in the URL"),
        (lambda at: ["nosuch://x/y.txt"], "nosuch"),
    ],
)
def test_what_names_no_files_is_a_fault(
    tmp_path: Path, given: Callable[[Path], list[str]], message: str
) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match=message) as fault:
        find_sources(given(tmp_path), None)
    assert "secret" not in str(fault.value)
