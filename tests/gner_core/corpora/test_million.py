"""Reading, writing and sampling at scale: one core, little memory."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.gner_core.corpora.own_corpora import columns, rows, tab

WORK = """
import json, os, resource, sys, time
from collections import Counter
from pathlib import Path
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from gner_core.corpora.prepare import stream_split
from gner_core.corpora.samples.drawing import draw
from gner_core.config.corpus import CorpusParams
from gner_core.records import write_sentences

folder = Path(sys.argv[1])
params = CorpusParams.model_validate(json.loads(sys.argv[2]))
def peak_mb():
    try:  # getrusage would count the process that started this one, too
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return int(status.split("VmHWM:")[1].split()[0]) / 1024

started = time.process_time()
sentences = stream_split("big", params, split="train", folder=folder, repairs=Counter())
write_sentences(folder / "big.parquet", sentences)
written = time.process_time()
drawn = draw(folder / "big.parquet", per_corpus=10_000, method="random", seed=1)
print(json.dumps({
    "write_s": written - started,
    "draw_s": time.process_time() - written,
    "memory_mb": peak_mb(),
    "of": drawn.of,
    "drawn": len(drawn.sentences),
}))
"""

PARAMS = {
    "format": {
        "kind": "conll",
        "scheme": "bio",
        "separator": "tab",
        "columns": 2,
        "token_column": 0,
        "tag_column": 1,
    },
    "files": {"train": ["big.txt"]},
    "labels": "open",
    "labels_to_o": [],
    "cut_at_words": None,
    "licence": "CC0-1.0",
    "origin": "made here",
}


def measure(folder: Path, block: bytes, *, sentences: int) -> dict[str, Any]:
    """Repeat the sentences of a block up to a number of sentences, and work on them alone."""
    parts = block.strip(b"\n").split(b"\n\n")
    with (folder / "big.txt").open("wb") as file:
        for start in range(0, sentences, len(parts)):
            file.write(b"\n\n".join(parts[: sentences - start]) + b"\n\n")
    command = [sys.executable, "-c", WORK, str(folder), json.dumps(PARAMS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def test_forty_thousand_sentences(tmp_path: Path) -> None:
    measured = measure(tmp_path, columns(rows(tab)), sentences=40_000)
    assert (measured["of"], measured["drawn"]) == (40_000, 10_000)
    assert measured["write_s"] < 5
    assert measured["draw_s"] < 1
    assert measured["memory_mb"] < 300


@pytest.mark.slow
def test_a_million_real_sentences(tmp_path: Path, shared: Path) -> None:
    """At most 120 s and 1 GB to read, check and write them, 3 s to draw 10,000 of them."""
    names = ("AnatEM", "bc5cdr", "ncbi")
    files = [shared / "datasets" / name / "mtl2016-tsv" / "train.tsv" for name in names]
    block = b"\n\n".join(file.read_bytes().strip(b"\n") for file in files)
    measured = measure(tmp_path, block, sentences=1_000_000)
    assert (measured["of"], measured["drawn"]) == (1_000_000, 10_000)
    assert measured["write_s"] <= 120
    assert measured["draw_s"] <= 3
    assert measured["memory_mb"] <= 1000
