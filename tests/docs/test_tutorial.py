"""The commands of the tutorial do what it says; they are read from the page itself."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gner_core.config.reading.plain_yaml import read_text

BLOCK = re.compile(r"^```(\S*)( title=[^\n]*)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORT = 8000
SECONDS = 1800


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "tutorial.md").read_text(encoding="utf-8")


def commands(page: str) -> str:
    """All commands, as one script."""
    return "".join(text for kind, _, text in BLOCK.findall(page) if kind == "bash")


def outputs(page: str) -> list[str]:
    """Lines that are printed on every machine, with single blanks."""
    blocks = [text for kind, title, text in BLOCK.findall(page) if kind == "text" and not title]
    return [" ".join(line.split()) for text in blocks for line in text.splitlines()]


def test_the_page_has_commands_and_outputs(page: str) -> None:
    script = commands(page)
    for command in ("init", "run", "test", "predict", "serve"):
        assert f"\ngner {command} " in script
    assert len(outputs(page)) > 10
    written = re.search(r"quick.yaml <<'END'\n(.*?)^END$", script, re.MULTILINE | re.DOTALL)
    assert written
    assert read_text(written[1], "quick.yaml")["extends"] == "experiment.yaml"


@pytest.fixture
def copy(tmp_path: Path, root: Path) -> Path:
    """A folder like a copy of gner after `make setup`, with its Python and commands on the PATH."""
    for name in ("gner_core", "params"):
        (tmp_path / name).symlink_to(root / name)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python").write_text(f'#!/bin/sh\nexec {sys.executable} -P "$@"\n')
    (programs / "gner").write_text(f'#!/bin/sh\nexec {sys.executable} -P -m flows "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    return tmp_path


@pytest.mark.slow
def test_from_annotations_to_a_server(page: str, copy: Path, root: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", PORT))  # else the page's own address would reach something else
    environment = {
        **{name: value for name, value in os.environ.items() if name != "GNER_HOME"},
        "PATH": f"{copy / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(root),
    }
    script = f"set -euo pipefail\n{commands(page)}"
    log = copy / "log.txt"
    with log.open("w") as errors:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=copy,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-3000:] + log.read_text()[-3000:]
    said = {" ".join(line.split()) for line in done.stdout.splitlines()}
    assert [line for line in outputs(page) if line not in said] == []
    (f1,) = re.findall(r"^test +annotations .* ([\d.]+) *$", done.stdout, re.MULTILINE)
    assert float(f1) > 40
    texts = [json.loads(line) for line in (copy / "annotations" / "found.jsonl").read_text().splitlines()]  # fmt: skip
    (served,) = json.loads((copy / "annotations" / "answer.json").read_text())["predictions"]
    for one in (*texts, served):
        for e in one["entities"]:
            assert one["text"][e["start"] : e["end"]] == e["text"]
            assert e["confidence"] >= 0.5
    assert any("Solheim" in e["text"] for e in served["entities"])
