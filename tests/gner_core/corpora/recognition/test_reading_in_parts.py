"""A large file of JSON lines is read by several processes, with the same result."""

import json
from pathlib import Path

import pytest

from gner_core.corpora.recognition import Recognised, reading, recognise

RECORDS = [
    {"id": n, "text": f"Ada {n % 7} waves to Rome.", "label": [[0, 3, "PER"], [15, 19, "LOC"]]}
    for n in range(2100)
]


def read(folder: Path, records: list[dict[str, object]]) -> Recognised:
    """Recognise a file of records."""
    lines = [json.dumps(record) for record in records]
    (folder / "own.jsonl").write_text("\n".join(lines) + "\n")
    return recognise(folder, {"train": ("own.jsonl",)}, name="own")


def test_parts_of_a_file_add_up_to_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlike = [{**RECORDS[0], "label": []}, *RECORDS[1:], {**RECORDS[0], "label": [[0, 5, "PER"]]}]
    monkeypatch.setattr(reading, "_processes", lambda: 1)
    at_once = read(tmp_path, unlike)
    monkeypatch.setattr(reading, "_processes", lambda: 3)
    monkeypatch.setattr(reading, "LARGE", 1000)
    in_parts = read(tmp_path, unlike)
    assert in_parts.params == at_once.params
    assert in_parts.problems == at_once.problems
    one, other = at_once.splits["train"], in_parts.splits["train"]
    assert other.statistics == one.statistics
    assert other.statistics["sentences"] == 2101
    assert (other.ranks, other.tags, other.repairs) == (one.ranks, one.tags, one.repairs)
    assert other.differing == one.differing > 0
    assert [e.words for e in other.examples] == [e.words for e in one.examples]


def test_a_fault_in_any_part_is_named_with_its_line_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_processes", lambda: 2)
    monkeypatch.setattr(reading, "LARGE", 1000)
    faulty = [*RECORDS[:2000], {"id": 0, "text": "Ada", "label": [[0, 9, "PER"]]}, *RECORDS[2000:]]
    found = read(tmp_path, faulty)
    assert not found.splits
    assert found.problems == [
        f"{tmp_path / 'own.jsonl'}, line 2001: 0 to 9 lies outside the text's 3 characters"
    ]
