"""CPU time of the commands: those that need no model, and `gner predict` of two sentences.

CPU time (user and system, of the process and its children) hardly depends on what else runs on the
machine; on an idle one a command takes about as long. Each command runs once before it is measured.

    python -m tests.benchmarks.commands --rounds 5
    python -m tests.benchmarks.commands --home .gner --checkpoint .gner/store/train/KEY
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "gner_core" / "corpora" / "demo"
TEXTS = "Ada Lovelace was born in London.\nRoger Federer won Wimbledon in 2003.\n"
LIMITS = {"model": 4.0, "none": 1.5}
"""Seconds of a command that needs a model, and of one that needs none."""


def commands(folder: Path) -> Iterator[tuple[str, ...]]:
    """Yield every command that needs no model, once or in its slowest forms."""
    demo = ("--catalog", "params/corpora/demo.yaml", "--source", str(DEMO))
    predictions = str(folder / "predictions.jsonl")
    yield from (("--help",), ("--version",), ("predict", "--help"))
    yield ("check", "params/demo.yaml")
    yield ("check", "params/paper/full.yaml")
    yield ("run", "params/demo.yaml", "--dry-run")
    yield ("run", "params/paper/full.yaml", "--dry-run")
    yield ("run", "params/paper/full.yaml", "--dry-run", "--device", "A100-80G")
    yield ("init", str(DEMO / "news-train.tsv"), "--output", str(folder / "x.yaml"), "--force")
    yield ("score", predictions)
    yield ("compare", predictions, predictions)
    yield ("beams", predictions, predictions)
    yield from (("runs",), ("models",), ("clean",))
    yield ("pin", "params/models/released/gliner-base.yaml")
    yield ("down",)
    yield ("deploy",)
    yield ("data", "list")
    yield ("data", "check", str(DEMO / "news-train.tsv"))
    yield from (("data", name, "news", *demo) for name in ("fetch", "prepare", "show"))
    yield from (("data", name, "news", *demo) for name in ("stats", "audit"))
    yield ("systems",)


def cpu_and_wall(
    command: Sequence[str], home: Path, *, given: str = ""
) -> tuple[float, float, int]:
    """Run a command; return its seconds of CPU and of the clock, and its exit code."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "flows", *command],
        cwd=ROOT,
        env={**os.environ, "GNER_HOME": str(home), "GNER_OFFLINE": "1"},
        input=given,
        text=True,
        capture_output=True,
        check=False,
    )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, done.returncode


def write_predictions(file: Path) -> None:
    """Write predictions in the form of the paper's authors."""
    row = {
        "dataset": "demo",
        "split": "test",
        "label_list": ["person", "location"],
        "instance": {
            "id": "1",
            "words": ["Ada", "flew", "to", "Oslo"],
            "labels": ["B-person", "O", "O", "B-location"],
        },
        "prediction": "Ada(B-person) flew(O) to(O) Oslo(B-location)",
    }
    file.write_text("".join(json.dumps(row) + "\n" for _ in range(100)))


def main(
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    home: Annotated[Path | None, typer.Option(help="Home folder; else an empty one.")] = None,
    checkpoint: Annotated[str | None, typer.Option(help="For gner predict; else left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Print the medians of all commands; exit with 1 where one is over its limit."""
    table = Table("command", "CPU s", "clock s", "exit code", "limit s")
    rows = []
    with TemporaryDirectory(prefix="gner-commands-") as scratch:
        folder = Path(scratch)
        write_predictions(folder / "predictions.jsonl")
        measured = [(one, "none", "") for one in commands(folder)]
        if checkpoint:
            asked = ("predict", checkpoint, "--types", "person, location", "--format", "json")
            measured.append((asked, "model", TEXTS))
        for command, needs, given in measured:
            at = home or folder / "home"
            cpu_and_wall(command, at, given=given)
            found = [cpu_and_wall(command, at, given=given) for _ in range(rounds)]
            cpu, wall = (median(one[n] for one in found) for n in (0, 1))
            shown = " ".join(command).replace(f"{folder}/", "").replace(f"{ROOT}/", "")
            rows.append({"command": shown, "cpu": cpu, "wall": wall, "limit": LIMITS[needs]})
            table.add_row(shown, f"{cpu:.2f}", f"{wall:.2f}", str(found[0][2]), str(LIMITS[needs]))
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    else:
        Console(width=140).print(table)
    if any(row["cpu"] > row["limit"] for row in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
