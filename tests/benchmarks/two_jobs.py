"""Two jobs at once on one machine: two trainings, and a training beside a test of a checkpoint.

A job is a whole command in a home folder of its own. Throughput is the time of two jobs, one after
the other, over their time side by side: 1 where nothing is lost, more where a job leaves cores idle.
The last row is a training alone, whose threads spin while they wait, as they do without gner's
settings, over one whose threads sleep: below 1, sleeping costs a job that runs alone.

    python -m tests.benchmarks.two_jobs ../shared/datasets --rounds 3
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
EXPERIMENT = ROOT / "params" / "zero-shot-small.yaml"
SPINNING = {"GOMP_SPINCOUNT": "300000", "KMP_BLOCKTIME": "200"}
"""What GNU's and Intel's OpenMP do where nothing is said."""
LIMITS = {"two trainings": 0.85, "training and test": 0.85, "alone": 0.95}
Command = Sequence[str]


def training(data_root: Path, *, pieces: int, seed: int) -> Command:
    """Return a command that trains on a few pieces of Pile-NER, and tests nothing."""
    values = (
        f"data_root={data_root.resolve()}",
        f"stages.adaptation.data.per_corpus={pieces}",
        f"stages.adaptation.train.seed={seed}",
        "stages.adaptation.choose={kind: last}",
        "tests.zero-shot=null",
    )
    settings = [word for value in values for word in ("--set", value)]
    return (sys.executable, "-m", "flows", "run", str(EXPERIMENT), *settings)


def seconds_of(*jobs: tuple[Command, Path], environment: Mapping[str, str] | None = None) -> float:
    """Run commands side by side, each with its new home folder; return the seconds to the last end.

    Raises:
        RuntimeError: when one fails.
    """
    started = time.monotonic()
    running = []
    for command, home in jobs:
        shutil.rmtree(home, ignore_errors=True)
        given = {**os.environ, **(environment or {}), "GNER_HOME": str(home)}
        running.append(
            subprocess.Popen(
                command, cwd=ROOT, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )
    codes = [process.wait() for process in running]
    if any(codes):
        raise RuntimeError(f"exit codes {codes} of {[' '.join(command) for command, _ in jobs]}")
    return time.monotonic() - started


def main(
    data_root: Annotated[Path, typer.Argument(help="Folder of the corpora as published.")],
    rounds: int = 3,
    pieces: Annotated[int, typer.Option(help="That each training learns from.")] = 32,
    sentences: Annotated[int, typer.Option(help="That the checkpoint is tested on.")] = 64,
) -> None:
    """Print the ratios of each round and their medians; exit with 1 where one is under its limit."""
    ratios: dict[str, list[float]] = {name: [] for name in LIMITS}
    with TemporaryDirectory(prefix="gner-jobs-") as scratch:
        folder = Path(scratch)
        one, other = (training(data_root, pieces=pieces, seed=seed) for seed in (1, 2))
        seconds_of((one, folder / "kept"))  # also reads all files once
        (checkpoint,) = (folder / "kept" / "store" / "train").iterdir()
        blocks = (data_root / "crossner_ai" / "test.txt").read_text().split("\n\n")
        tested = folder / "tested.txt"
        tested.write_text("\n\n".join(blocks[:sentences]) + "\n")
        test = (sys.executable, "-m", "flows", "test", str(checkpoint), str(tested))
        for number in range(rounds):
            alone = {job: seconds_of((job, folder / "a")) for job in (one, other, test)}
            for name, second in (("two trainings", other), ("training and test", test)):
                both = seconds_of((one, folder / "a"), (second, folder / "b"))
                ratios[name].append((alone[one] + alone[second]) / both)
            spinning = seconds_of((one, folder / "a"), environment=SPINNING)
            ratios["alone"].append(spinning / alone[one])
            seconds = ", ".join(f"{value:.1f}" for value in alone.values())
            Console().print(f"round {number + 1}: alone {seconds} s", highlight=False)
    table = Table("jobs", "ratio (median)", "rounds", "at least")
    middle = {name: median(values) for name, values in ratios.items()}
    for name, values in ratios.items():
        each = ", ".join(f"{value:.2f}" for value in values)
        table.add_row(name, f"{middle[name]:.2f}", each, str(LIMITS[name]))
    Console().print(table)
    if any(middle[name] < limit for name, limit in LIMITS.items()):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
