"""Two workers with nothing in common but an S3 store: `gner run`, `gner predict`, `gner score`."""

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from gner_core.store.artifacts import ArtifactRef, Store
from tests.flows.conftest import GNER, ran_steps, skipped_steps
from tests.s3_server import S3, SECRET


def machine(s3: S3, place: Path, store: str) -> dict[str, str]:
    """The variables of a machine with its own home folders and nothing else."""
    own = {"HOME": str(place), "GNER_HOME": str(place / "gner"), "GNER_STORE": store}
    kept = {
        name: os.environ[name]
        for name in ("PATH", "PYTHONPATH", "OMP_NUM_THREADS")
        if name in os.environ
    }
    return {**kept, **s3.environment, **own, "COLUMNS": "200", "DO_NOT_TRACK": "1"}


def start(environment: dict[str, str], root: Path, *arguments: str) -> "subprocess.Popen[str]":
    Path(environment["HOME"]).mkdir(exist_ok=True)
    return subprocess.Popen(
        [*GNER, *arguments],
        cwd=root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: "subprocess.Popen[str]", timeout: float = 240) -> str:
    out, _ = process.communicate(timeout=timeout)
    assert process.returncode == 0, out
    return out


@pytest.mark.slow
def test_two_workers_share_the_steps_of_an_experiment(s3: S3, tmp_path: Path, root: Path) -> None:
    url = s3.url(tmp_path.name)
    places = [machine(s3, tmp_path / name, url) for name in ("one", "two")]
    running = [start(place, root, "run", "params/tiny.yaml") for place in places]
    outs = [finish(process) for process in running]
    for out in outs:
        assert len(ran_steps(out)) + len(skipped_steps(out)) == 19
        assert SECRET not in out
    assert Counter(ran_steps(outs[0]) + ran_steps(outs[1])) == {
        "corpus": 5,
        "sample": 4,
        "backbone": 1,
        "train": 2,
        "generate": 3,
        "score": 3,
        "report": 1,
    }
    store = Store(url, scratch=tmp_path / "look")
    names = store.objects.sizes("")
    manifests = [name for name in names if name.endswith("/manifest.json")]
    assert len(manifests) == 19
    told = 0
    for name in manifests:
        step, key, _ = name.split("/")
        manifest = store.manifest(ArtifactRef(step, key))
        assert SECRET not in json.dumps(manifest)
        told += 1 + len(manifest["files"])
        store.fetch(ArtifactRef(step, key))  # whole, by its hashes
    assert told == len(names), "objects that no manifest names"
    reports = [Path(place["GNER_HOME"]) / "reports" / "tiny.html" for place in places]
    below_head = [report.read_text().partition('<p class="sub"')[2] for report in reports]
    assert below_head[0] == below_head[1] != ""

    third = machine(s3, tmp_path / "three", url)
    keys = {name.split("/")[0]: name.split("/")[1] for name in manifests}
    found = finish(
        start(
            third,
            root,
            "predict",
            keys["train"],
            "README.md",
            "--types",
            "person",
            "--format",
            "json",
        )
    )
    answers = [line for line in found.splitlines() if line.startswith("{")]  # beside the log
    assert "entities" in json.loads(answers[0])
    scores = finish(
        start(third, root, "score", f"generate/{keys['generate']}", "--json", "--workers", "1")
    )
    assert "macro" in json.loads(scores)["pair"]
    again = finish(start(third, root, "run", "params/tiny.yaml"))
    assert ran_steps(again) == []
    for log in tmp_path.rglob("*.log"):
        assert SECRET not in log.read_text(errors="replace")
