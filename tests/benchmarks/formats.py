"""One experiment computed in bfloat16 and in float32 on this CPU: losses, speed, memory and F1.

Both runs have the same keys, since the format is how a run is executed. So each has a home of its
own, which is kept: a run that was stopped goes on. The picture holds the losses of the first
updates, averaged over ten.

    python -m tests.benchmarks.formats params/small-paper/sample.yaml HOMES --set data_root=CORPORA
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import typer
from matplotlib import rc_context
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from gner_core.reports.figures import STYLE, image

ROOT = Path(__file__).parents[2]
FORMATS = {"bfloat16": (), "float32": ("--set", "execution.exact=true")}
SMOOTHED = 10
"""Updates behind each point of a curve."""


def run(home: Path, *command: str) -> str:
    """Run a command of gner in a home folder; return what it prints.

    Raises:
        CalledProcessError: when it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", "flows", *command],
        cwd=ROOT,
        env={**os.environ, "GNER_HOME": str(home)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


def artifact(home: Path, step: str) -> Path:
    """Return the only artifact of a step in a home folder.

    Raises:
        ValueError: when there are several, or none.
    """
    (folder,) = (home / "store" / step).iterdir()
    return folder


def lines_of(file: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON lines file."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def draw_losses(homes: Sequence[Path], file: Path, *, updates: int) -> None:
    """Draw the loss of each run over its first updates."""
    with rc_context({**STYLE, "svg.fonttype": "none"}):
        figure = Figure(figsize=(6.4, 3.2), layout="constrained")
        axis = figure.subplots()
        for home in homes:
            losses = [row["loss"] for row in lines_of(artifact(home, "train") / "metrics.jsonl")]
            ends = range(SMOOTHED, min(updates, len(losses)) + 1)
            axis.plot(ends, [fmean(losses[end - SMOOTHED : end]) for end in ends], label=home.name)
        axis.set(xlabel="update", ylabel="loss", yscale="log", title="Training in two formats")
        axis.legend(frameon=False)
        file.write_bytes(image(figure, "svg"))


def costs_of(home: Path) -> tuple[str, ...]:
    """Return seconds, label tokens per second, and peak memory after update 50 and the last one."""
    trained = artifact(home, "train")
    summary = json.loads((trained / "summary.json").read_text())
    memory = {
        row["done"]: row["metrics"]["memory_gb"]
        for row in lines_of(trained / "progress.jsonl")
        if "memory_gb" in row.get("metrics", {})
    }
    seconds = summary["seconds_this_attempt"]
    return (
        f"{seconds:,.0f}",
        f"{summary['label_tokens'] / seconds:.0f}",
        f"{memory[50]:.2f}",
        f"{memory[summary['updates']]:.2f}",
    )


def main(
    experiment: Annotated[Path, typer.Argument(help="File with one training and one test.")],
    homes: Annotated[Path, typer.Argument(help="Folder of the two homes and the picture.")],
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY.PATH=VALUE")] = None,
    updates: Annotated[int, typer.Option(help="That the picture shows.")] = 200,
) -> None:
    """Run the experiment in both formats; print costs and the paired difference in F1."""
    given = [word for value in settings or () for word in ("--set", value)]
    folders = [homes.absolute() / name for name in FORMATS]
    table = Table("format", "seconds", "label tokens/s", "GB after 50 updates", "GB at the end")
    for home, more in zip(folders, FORMATS.values(), strict=True):
        run(home, "run", str(experiment), *given, *more)
        table.add_row(home.name, *costs_of(home))
    Console().print(table)
    draw_losses(folders, homes / "losses.svg", updates=updates)
    print(run(folders[0], "compare", *(str(artifact(home, "generate")) for home in folders)))


if __name__ == "__main__":
    typer.run(main)
