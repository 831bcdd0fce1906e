"""The commands that are recorded: `python -m tests.flows.cli.commands` writes commands.json anew.

Scripts of users depend on names of commands, exit codes and messages. Where a change is meant, write
the file anew in the commit that changes them.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import typer
from typer.testing import CliRunner

FILE = Path(__file__).with_name("commands.json")
ROOT = Path(__file__).parents[3]
CHARACTERS = 160
"""Of a message, which may name every corpus there is."""
WRONG = (
    "run missing.yaml",
    "run broken.yaml",
    "run list.yaml",
    "run params/tiny.yaml --set decode.beams",
    "run params/tiny.yaml --set decode.beams=0",
    "run params/tiny.yaml --set decode.wrong.key=1",
    "run params/tiny.yaml --set stages.adaptation.data.corpora=[nowhere]",
    "run params/tiny.yaml --dry-run --device PC",
    "run params/tiny.yaml --grid 0.1",
    "run params/models/tiny-t5.yaml",
    "run params/corpora/demo.yaml",
    "run params/reevaluate.yaml",
    "run old.yaml",
    "run twice.yaml",
    "check params/tiny.yaml list.yaml",
    "score missing.jsonl",
    "score empty.txt",
    "compare missing.jsonl empty.txt",
    "beams missing.parquet",
    "predict nothing empty.txt --types person",
    "serve nothing",
    "serve nothing --host 0.0.0.0",
    "log-model nothing",
    "data prepare nowhere",
    "data check empty.txt",
    "data fetch nowhere --offline",
    "init loop",
    "reevaluate nothing params/reevaluate.yaml",
    "reevaluate params/reevaluate.yaml",
    "reevaluate nothing params/reevaluate.yaml --scan",
    "bench matching missing.jsonl",
    "bench matching empty.txt",
    "bench train params/tiny.yaml --stage third",
    "report results missing.yaml",
    "report results --check --set a=1",
    "systems install nothing",
    "systems import gliner nowhere made",
    "deploy",
    "down",
    "unknown",
)
"""Command lines, each with something that is not there or not right."""


def all_commands() -> list[str]:
    """Every command as it is typed, such as `data list`."""
    from flows.cli.main import app

    return sorted(_below(typer.main.get_command(app)))


def _below(group: click.Command, *before: str) -> Iterator[str]:
    commands = getattr(group, "commands", {})
    for name, command in commands.items():
        yield from _below(command, *before, name)
    if not commands:
        yield " ".join(before)


def answers(folder: Path) -> dict[str, dict[str, Any]]:
    """Exit code and first line on standard error of each wrong command line, in an empty folder."""
    from flows.cli.main import app

    shutil.copytree(ROOT / "params", folder / "params", dirs_exist_ok=True)
    (folder / "broken.yaml").write_text("name: [")
    (folder / "list.yaml").write_text("- 1\n")
    (folder / "empty.txt").write_text("")
    (folder / "loop").symlink_to("loop")
    (folder / "old.yaml").write_text(
        "extends: params/tiny.yaml\nadaptation: {train: {epochs: 1}}\n"
    )
    (folder / "twice.yaml").write_text("name: a\ndecode: {beams: 2}\nname: b\n")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_API", "MLFLOW_T"))}
    environment = {**kept, "GNER_HOME": "home", "TERM": "dumb", "COLUMNS": "200"}
    found = {}
    quiet = patch("flows.cli.reevaluate.log_to")  # its handler would stay for other tests
    with chdir(folder), patch.dict(os.environ, environment, clear=True), quiet:
        for line in WRONG:
            done = CliRunner().invoke(app, line.split(), prog_name="gner")
            said = [one.strip("│ ") for one in done.stderr.splitlines() if one.strip("╭─╮│╰╯ ")]
            first = next((one for one in said if not one.startswith(("Usage", "Try", "╭"))), "")
            for path, name in ((folder, "FOLDER"), (ROOT, "ROOT")):
                first = first.replace(str(path), name)
            found[line] = {"code": done.exit_code, "error": first[:CHARACTERS]}
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        recorded = {"commands": all_commands(), "wrong": answers(Path(place).resolve())}
    FILE.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")
