"""Files of predictions: forms, faults, one core or two, comparison."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gner_core.config.reading.files import read_scoring
from gner_core.config.systems.gner import MatchParams
from gner_core.errors import InputError
from gner_core.records import Prediction, write_predictions
from gner_core.scoring.analysis.comparison import compare_files
from gner_core.scoring.analysis.significance import MEAN
from gner_core.scoring.files import FileScoring, score_file
from gner_core.scoring.prediction_files import PART_BYTES, read_predictions_of
from gner_core.systems.gner.targets import BIO


def setup(**changes: Any) -> FileScoring:
    values: dict[str, Any] = {
        "match": MatchParams(mode="gner", back_tokenization=False),
        "form": BIO,
        "tokenizer": None,
        "metrics": ("pair", "span", "partial"),
        "without": frozenset(),
        "errors": True,
        "scoring": read_scoring(None),
    }
    return FileScoring(**{**values, **changes})


def record(number: int, text: str, **changes: Any) -> dict[str, Any]:
    instance = {"words": ["Ada", "saw", "Rome"], "labels": ["B-person", "O", "B-city"]}
    values = {"id": str(number), "dataset": "toy", "label_list": ["person", "city"]}
    return {**values, "instance": instance, "prediction": text, **changes}


MANY = 900
"""Records in a file of several parts; padded, so that scoring it takes no time."""
TEXTS = ("Ada(B-person) saw(O) Rome(B-city)", "Ada(B-city) saw(O)", "")


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    lines = "".join(json.dumps(one) + "\n" for one in records)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(lines.encode()))
    else:
        path.write_text(lines)
    return path


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A file of several parts."""
    padding = "x" * (3 * PART_BYTES // MANY)
    records = [record(n, TEXTS[n % 3], padding=padding) for n in range(MANY)]
    return write(tmp_path / "p.jsonl", records)


def test_jsonl_gzip_and_parquet_give_the_same_scores(tmp_path: Path) -> None:
    records = [record(n, text) for n, text in enumerate(TEXTS)]
    plain = write(tmp_path / "p.jsonl", records)
    packed = write(tmp_path / "p.jsonl.gz", records)
    ours = tmp_path / "p.parquet"
    write_predictions(
        ours,
        [
            Prediction(f"toy/{n}", "toy", ("Ada", "saw", "Rome"), ("B-person", "O", "B-city"),
                       ("person", "city"), text, True, None)
            for n, text in enumerate(TEXTS)
        ],
    )  # fmt: skip
    predictions = [list(read_predictions_of(f)) for f in (plain, packed, ours)]
    assert predictions[0] == predictions[1] == predictions[2]
    scores = score_file(ours, setup(), workers=1, report=lambda _: None)
    assert scores.tallies["pair"].sentences == {"toy": [(2, 2, 2), (0, 1, 2), (0, 0, 2)]}


def test_two_processes_give_what_one_gives(many: Path) -> None:
    seen: list[int] = []
    one = score_file(many, setup(), workers=1, report=seen.append)
    two = score_file(many, setup(), workers=2, report=lambda _: None)
    assert len(seen) == -(-many.stat().st_size // PART_BYTES) > 1
    assert (seen == sorted(seen), seen[-1]) == (True, MANY)
    for name in ("pair", "span"):
        assert one.tallies[name].sentences == two.tallies[name].sentences
        assert one.tallies[name].sums == two.tallies[name].sums
    assert one.partial.counts == two.partial.counts
    assert one.errors == two.errors
    assert (one.texts, one.words, one.examples) == (two.texts, two.words, two.examples)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"p.jsonl, line 2: not a record of a prediction: Input data was truncated"),
        ('{"dataset": "toy"}', r"line 2: .*missing required field `label_list`"),
        (json.dumps(record(1, "x", instance={"words": [1], "labels": ["O"]})), r"line 2: .*words"),
        (json.dumps(record(1, "x", instance={"words": ["a"], "labels": []})), r"1 words but 0"),
        (
            json.dumps(record(1, "x", instance={"words": ["a"], "labels": ["S-x"]})),
            r"line 2: gold label 'S-x'; expected O, B-<type> or I-<type>",
        ),
        (
            json.dumps(
                {
                    **record(1, "x", instance={"words": ["a"], "labels": ["B-O"]}),
                    "label_list": ["O"],
                }
            ),
            "line 2: label_list holds O; a type",
        ),
        (
            json.dumps(
                {
                    **record(1, "x", instance={"words": ["a"], "labels": ["B- "]}),
                    "label_list": [" "],
                }
            ),
            "line 2: label_list holds ' '; a type",
        ),
        (
            json.dumps(
                {
                    **record(1, "x"),
                    "label_list": ["person", "ci\u0301ty"],
                    "instance": {"words": ["a"], "labels": ["B-c\xedty"]},
                }
            ),
            "the two differ in Unicode normal form only",
        ),
        (
            json.dumps({**record(1, "x"), "label_list": [" person "]}),
            "line 2: gold type .* is not in label_list, only ' person '",
        ),
        ('"\xff"', "line 2: not a record of a prediction"),
        (
            json.dumps(record(1, "x"))[:-1] + ', "prediction": "y"}',
            "line 2: .*'prediction' is there twice",
        ),
    ],
)
def test_a_faulty_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(json.dumps(record(0, "")) + "\n" + line + "\n", encoding="latin-1")
    with pytest.raises(InputError, match=message):
        score_file(file, setup(), workers=1, report=lambda _: None)


def test_keys_of_a_record_may_be_there_again_inside_another_object(tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", [record(0, "", more={"dataset": 1, "words": 2})])
    assert [one.corpus for one in read_predictions_of(file)] == ["toy"]


def test_missing_columns_are_named_in_their_order(tmp_path: Path) -> None:
    pq.write_table(pa.table({"corpus": ["toy"]}), tmp_path / "p.parquet")
    with pytest.raises(InputError, match="columns missing: id, words, tags, "):
        score_file(tmp_path / "p.parquet", setup(), workers=1, report=lambda _: None)


def test_a_file_in_another_encoding_is_named_for_it(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(json.dumps(record(0, "")), encoding="utf-16")
    with pytest.raises(InputError, match=r"p.jsonl: UTF-16; save it as UTF-8"):
        score_file(file, setup(), workers=1, report=lambda _: None)


def test_a_fault_in_a_child_process_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", [record(0, ""), {"dataset": "toy"}])
    with pytest.raises(InputError, match=r"p.jsonl, line 2: .*missing required field"):
        score_file(file, setup(), workers=2, report=lambda _: None)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.jsonl", None, "no such file of predictions"),
        ("p.csv", b"x", "predictions are .parquet, .jsonl or .jsonl.gz files"),
        ("p.jsonl", b"\n", "holds no predictions"),
        ("p.jsonl", b"PAR1nothing", "Parquet or Arrow, no JSON lines; name it .parquet"),
        ("p.parquet", b"PAR1nothing", "not a readable Parquet file"),
        ("p.jsonl.gz", gzip.compress(b"{}\n" * 9, mtime=0)[:-9], "cannot be read behind line 1"),
    ],
)
def test_a_faulty_file_is_named(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        score_file(tmp_path / name, setup(), workers=1, report=lambda _: None)


def test_a_missing_tokenizer_is_named(many: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tokenizer.json: no tokenizer; give"):
        score_file(many, setup(tokenizer=tmp_path), workers=2, report=lambda _: None)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"not a tokenizer.json"):
        score_file(many, setup(tokenizer=tmp_path), workers=1, report=lambda _: None)


def test_two_files_are_compared_sentence_by_sentence(tmp_path: Path) -> None:
    a = write(tmp_path / "a.jsonl", [record(n, text) for n, text in enumerate(TEXTS)])
    better = [record(n, TEXTS[0]) for n in (2, 1, 0)]
    b = write(tmp_path / "b.jsonl", better)
    comparison = compare_files((a, b), (setup(), setup()), metric="pair")
    assert comparison.sentences == 3
    assert comparison.differences[MEAN].b == 1.0
    assert [change.gain for change in comparison.changes] == [2, 2]
    assert {change.a.text for change in comparison.changes} == {TEXTS[1], TEXTS[2]}


def test_files_of_other_sentences_are_not_compared(tmp_path: Path) -> None:
    a = write(tmp_path / "a.jsonl", [record(n, "") for n in range(2)])
    b = write(tmp_path / "b.jsonl", [record(0, "")])
    with pytest.raises(InputError, match=r"b.jsonl lacks 1 sentences of .*a.jsonl.*'Ada saw Rome'"):
        compare_files((a, b), (setup(), setup()), metric="pair")
    other = {"words": ["Ada", "saw", "Rome"], "labels": ["O", "O", "O"]}
    c = write(tmp_path / "c.jsonl", [record(0, "", instance=other)])
    with pytest.raises(InputError, match="differ in the gold tags of toy/0"):
        compare_files((b, c), (setup(), setup()), metric="pair")


SCALE = """
import json, os, resource, sys, time
os.sched_setaffinity(0, set(list(os.sched_getaffinity(0))[: int(sys.argv[3])]))
from pathlib import Path
from gner_core.config.reading.files import read_scoring
from gner_core.config.systems.gner import MatchParams
from gner_core.systems.gner.targets import BIO
from gner_core.scoring.evaluate import metric_summary
from gner_core.scoring.files import FileScoring, score_file
if __name__ == "__main__":
    started = time.perf_counter()
    match = MatchParams(mode="paper", back_tokenization=True)
    scoring = read_scoring(None)
    setup = FileScoring(match, BIO, Path(sys.argv[2]), ("pair",), frozenset(), False, scoring)
    scores = score_file(Path(sys.argv[1]), setup, workers=int(sys.argv[3]), report=lambda n: None)
    metric_summary(scores.tallies["pair"], scoring)
    used = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    print(json.dumps({
        "seconds": time.perf_counter() - started,
        "mb": sum(resource.getrusage(who).ru_maxrss for who in used) / 1024,
        "sentences": scores.texts["all"],
    }))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("cores", "limit"), [(1, 15.0), (2, 9.0)])
def test_two_hundred_thousand_predictions(
    shared: Path, tmp_path: Path, cores: int, limit: float
) -> None:
    """The real file repeated, with a changed word in every third sentence."""
    if len(os.sched_getaffinity(0)) < cores:
        pytest.skip(f"needs {cores} cores")
    with gzip.open(shared / "predictions" / "gner-t5-base-dev700.jsonl.gz", "rt") as handle:
        records = [json.loads(line) for line in handle]
    big = tmp_path / "big.jsonl"
    with big.open("w") as out:
        for number in range(200_000):
            one = records[number % len(records)]
            if number % 3 == 0:
                words = [
                    f"{one['instance']['words'][0]}{number % 977}",
                    *one["instance"]["words"][1:],
                ]
                one = {**one, "instance": {**one["instance"], "words": words}}
            out.write(json.dumps({**one, "id": str(number)}) + "\n")
    script = tmp_path / "scale.py"
    script.write_text(SCALE)
    command = [sys.executable, str(script), str(big), str(shared / "tokenizers" / "t5"), str(cores)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert found["sentences"] == 200_000
    assert found["mb"] < 1000
    assert found["seconds"] < limit, found
