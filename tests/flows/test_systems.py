"""Every system through `gner run`: the sweep over systems, and the page on a system of one's own."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app

SYSTEMS = ("run", "params/sweeps/systems.yaml", "--set", "base=params/tiny-llama.yaml")
PROMPTED = ("GNER", "UniNER", "InstructUIE", "GoLLIE")


@pytest.fixture
def home(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of GNER_HOME; commands run in the project's folder."""
    monkeypatch.setenv("GNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(root)
    return tmp_path / "home"


@pytest.mark.slow
def test_a_sweep_over_systems_ends_in_a_table_of_scores_and_costs(home: Path) -> None:
    done = CliRunner().invoke(app, SYSTEMS)
    failed = [line for line in done.output.splitlines() if line.startswith("  system=")]
    assert all("GLiNER is not installed" in line for line in failed), done.output
    (table,) = home.glob("reports/systems-*.json")
    rows = {row["labels"]["system"]: row["cells"] for row in json.loads(table.read_text())["rows"]}
    assert {*PROMPTED} <= rows.keys()
    assert rows["UniNER"]["zero-shot/calls"]["mean"] == 6  # one for each type of the corpus
    assert rows["GNER"]["zero-shot/calls"]["mean"] == 1
    for cells in (rows[name] for name in PROMPTED):
        assert cells["zero-shot/tokens"]["mean"] > 100
        assert cells["zero-shot/seconds"]["mean"] > 0
    assert "zero-shot/hallucinated" in rows["GoLLIE"]
    (report,) = home.glob("reports/systems-uniner*.html")
    assert "<h2>Answers of uniner</h2>" in report.read_text()


@pytest.mark.slow
def test_the_experiment_of_the_page_on_an_own_system_runs(
    home: Path, root: Path, tmp_path: Path
) -> None:
    text = (root / "docs" / "data-and-models" / "own-system.md").read_text()
    for name, content in re.findall(r'```\w+ title="(.*?)"\n(.*?)```', text, flags=re.DOTALL):
        (tmp_path / name).write_text(content)
    (tmp_path / "params").symlink_to(root / "params")
    done = CliRunner().invoke(app, ["run", str(tmp_path / "lines.yaml")])
    assert done.exit_code == 0, done.output
    assert "<h2>Answers of own</h2>" in (home / "reports" / "lines.html").read_text()
