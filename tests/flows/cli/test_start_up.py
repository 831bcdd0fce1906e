"""Commands that need no model start without the libraries that take seconds to import.

`python -m tests.benchmarks.commands` measures what this keeps.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"datasets", "matplotlib", "mlflow", "pandas", "prefect", "sqlalchemy", "torch"}
OF_DATA = {"numpy", "pyarrow"}
"""What only commands on corpora and experiments need."""
CHILD = """
import json, sys
from typer.testing import CliRunner
from flows.cli.main import app

for command in json.load(sys.stdin):
    done = CliRunner().invoke(app, command)
    print(json.dumps([done.exit_code, done.output, sorted(sys.modules)]))
"""
NEWS = "gner_core/corpora/demo/news-train.tsv"
DEMO = ("--catalog", "params/corpora/demo.yaml", "--source", "gner_core/corpora/demo")


@pytest.fixture
def home(tmp_path: Path, database: Path) -> Path:
    """A home with an empty database of MLflow."""
    shutil.copy(database, tmp_path / "mlflow.db")
    return tmp_path


def test_no_command_without_a_model_imports_what_takes_seconds(home: Path, root: Path) -> None:
    commands = {
        **dict.fromkeys([("--help",), ("runs",), ("models",), ("clean",)], HEAVY | OF_DATA),
        **dict.fromkeys([("down",), ("systems",), ("data", "list")], HEAVY),
        ("check", "params/paper/full.yaml"): HEAVY,
        ("run", "params/demo.yaml", "--dry-run"): HEAVY,
        ("data", "check", NEWS): HEAVY,
        ("data", "show", "news", *DEMO): HEAVY,
        ("init", NEWS, "--output", str(home / "news.yaml")): HEAVY,
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        cwd=root,
        env={"GNER_HOME": str(home), "PATH": ""},
        input=json.dumps([*commands]),
        capture_output=True,
        text=True,
        check=True,
    )
    for (command, heavy), line in zip(commands.items(), done.stdout.splitlines(), strict=True):
        code, said, imported = json.loads(line)
        assert code == 0, (command, said)
        assert heavy.intersection(imported) == set(), command
