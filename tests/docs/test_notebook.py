"""The notebook runs from its first cell to its last on a fresh home, and shows what it says."""

import json
import os
import re
from ast import literal_eval
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

SECONDS = 600
"""For one cell: the first one trains."""


@pytest.fixture(scope="module")
def file(root: Path) -> Path:
    return root / "docs" / "notebook.ipynb"


def test_it_is_committed_without_outputs(file: Path) -> None:
    """Scores differ in their last digits between machines; those of a run are checked below."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    assert len(cells) > 10
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


@pytest.fixture(scope="module")
def ran(file: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GNER_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]))
        notebook = nbformat.read(file, as_version=4)
        NotebookClient(
            notebook, timeout=SECONDS, resources={"metadata": {"path": str(file.parent)}}
        ).execute()
    return notebook


def cell(notebook: NotebookNode, part: str) -> NotebookNode:
    (found,) = [c for c in notebook.cells if c.cell_type == "code" and part in c.source]
    return found


def printed(notebook: NotebookNode, part: str) -> str:
    outputs = cell(notebook, part).outputs
    return "".join(one.text for one in outputs if one.output_type == "stream")


def shown(notebook: NotebookNode, part: str, kind: str) -> Any:
    (found,) = [o for o in cell(notebook, part).outputs if o.output_type == "execute_result"]
    return found.data[kind]


@pytest.mark.slow
def test_every_cell_shows_what_the_notebook_says(ran: NotebookNode) -> None:
    errors = [o for c in ran.cells for o in c.get("outputs", ()) if o.get("name") == "stderr"]
    assert errors == []
    assert literal_eval(shown(ran, "second.types", "text/plain")) == (
        *("date", "location", "organization", "person"),
    )
    html = shown(ran, "entities = second.predict", "text/html")
    assert "the mayor of" in html and "<mark title=" in html
    plain = literal_eval(shown(ran, "e.text, round", "text/plain"))
    assert any("Solheim" in name for *_, name, _ in plain)
    assert [e["text"] for e in json.loads(printed(ran, "to_json"))] == [e[3] for e in plain]
    assert " was seen " in shown(ran, "threshold={", "text/html")


@pytest.mark.slow
def test_it_scores_and_compares_two_models(ran: NotebookNode) -> None:
    scores = printed(ran, "--by-type")
    assert "organization" in scores and "F1" in scores
    assert "B - A" in printed(ran, "gner} compare")
    lines = [re.split(r"(?<=[0-9e]) (?=\{)", line) for line in printed(ran, "for threshold in").splitlines()]  # fmt: skip
    found = [literal_eval(values) for _, values in lines]
    assert [first for first, _ in lines] == ["None", "0.5", "0.9"]
    assert found[0]["f1"] > 0.25
    recalls = [values["recall"] for values in found]
    assert recalls == sorted(recalls, reverse=True) and recalls[0] > recalls[2]
    assert found[2]["precision"] > found[0]["precision"]
