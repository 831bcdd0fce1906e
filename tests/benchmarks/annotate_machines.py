"""`gner annotate` on one machine, on two that share an S3 store, and on two that are killed again and again.

The texts are real sentences, the model is tiny and random, so that it finds entities everywhere. The
outputs must be equal byte for byte, and every part made once. Times are from the start of a command to the
end of the last one.

    python -m tests.benchmarks.annotate_machines ../shared/datasets --texts 20000 --kills 8
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated
from unittest.mock import patch

import typer
from rich.console import Console
from rich.table import Table

from flows.cli.messages import input_errors
from gner_core.config.reading.files import read_experiment
from gner_core.corpora.splits import stream_any_split
from gner_core.errors import InputError
from gner_core.store.artifacts import ArtifactRef, Store
from tests.s3_server import S3, make_bucket, s3_server

ROOT = Path(__file__).parents[2]
GNER = [sys.executable, "-m", "flows"]
TYPES = "person, location, organization"


def real_sentences(folder: Path) -> Iterator[str]:
    """The sentences of the corpora of params/real-small.yaml in a folder, short ones first."""
    corpora = read_experiment(
        ROOT / "params" / "real-small.yaml", overrides=[f"data_root={folder}"]
    ).corpora
    for name in sorted(corpora, key=lambda name: (not name.startswith("mit-"), name)):
        for split in corpora[name].files:
            with suppress(InputError):  # a corpus that is not there
                found = stream_any_split(
                    name, corpora[name], split=split, folder=folder, repairs=Counter()
                )
                yield from (" ".join(sentence.words) for sentence in found)


@dataclass
class Machine:
    """A machine with a home of its own."""

    home: Path
    environment: dict[str, str]
    command: list[str]
    starts: int = 0
    said: list[Path] = field(default_factory=list)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start the command, the first time or again."""
        self.starts += 1
        self.home.mkdir(parents=True, exist_ok=True)
        self.said.append(self.home / f"said-{self.starts}.txt")
        with self.said[-1].open("wb") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End the command at once; its workers notice."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def is_running(self) -> bool:
        """Say whether the command has not ended."""
        return self.process is not None and self.process.poll() is None

    def wait(self) -> None:
        """Wait for the end.

        Raises:
            RuntimeError: when it failed.
        """
        assert self.process
        if self.process.wait():
            raise RuntimeError(f"failed:\n{self.said[-1].read_text()}")


@dataclass(frozen=True)
class Place:
    """Where all runs are."""

    folder: Path
    s3: S3
    checkpoint: str
    part: int

    def machine(self, run: str, name: str) -> Machine:
        """Return a machine whose store is that of its run."""
        home = self.folder / f"{run}-{name}"
        kept = {
            k: os.environ[k] for k in ("PATH", "PYTHONPATH", "OMP_NUM_THREADS") if k in os.environ
        }
        own = {"HOME": str(home), "GNER_HOME": str(home / "gner"), "GNER_STORE": self.s3.url(run)}
        out = str(self.folder / f"out-{run}-{name}")
        texts = str(self.folder / "texts.jsonl")
        command = ["annotate", self.checkpoint, texts, "--types", TYPES, "--out", out]
        return Machine(
            home,
            {**kept, **self.s3.environment, **own, "DO_NOT_TRACK": "1", "COLUMNS": "200"},
            [*GNER, *command, "--part", str(self.part), "--workers", "1"],
        )

    def digest(self, run: str, name: str) -> str:
        """The hash of the whole output of a machine."""
        whole = sha256()
        for file in sorted((self.folder / f"out-{run}-{name}").iterdir()):
            whole.update(file.name.encode() + file.read_bytes())
        return whole.hexdigest()

    def faults(self, run: str, parts: int) -> list[str]:
        """What is not as it should be in the store of a run: each part once, and nothing else."""
        store = Store(self.s3.url(run), scratch=self.folder / f"look-{run}")
        made = store.published("annotate")
        told = sum(1 + len(store.manifest(ref)["files"]) for ref in made)
        found = [] if len(made) == parts else [f"{len(made)} parts, not {parts}"]
        objects = store.objects.sizes("annotate")
        if told != len(objects):
            found.append(f"{len(objects)} objects, and manifests tell of {told}")
        return found

    def makers(self, run: str) -> Counter[str]:
        """How many parts each machine has made."""
        store = Store(self.s3.url(run), scratch=self.folder / f"look-{run}")
        refs: list[ArtifactRef] = store.published("annotate")
        return Counter(store.manifest(ref)["attempt"].partition("/")[0] for ref in refs)


def checkpoint_in(folder: Path) -> str:
    """Make a tiny random model; return its folder."""
    home = folder / "model"
    environment = {**os.environ, "GNER_HOME": str(home)}
    environment.pop("GNER_STORE", None)
    subprocess.run(
        [*GNER, "run", str(ROOT / "params" / "tiny.yaml")],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
    )
    (backbone,) = (home / "store" / "backbone").iterdir()
    return str(backbone)


def seconds_of(machines: Sequence[Machine], *, kills: int, every: float) -> float:
    """Run the machines at the same time; kill one of them now and then and start it again."""
    draw, started = random.Random(1), time.monotonic()
    for machine in machines:
        machine.start()
    next_kill = started + every
    while any(machine.is_running for machine in machines):
        time.sleep(0.2)
        if kills and time.monotonic() > next_kill:
            running = [machine for machine in machines if machine.is_running]
            if running:
                victim = draw.choice(running)
                victim.kill()
                victim.start()
                kills -= 1
            next_kill = time.monotonic() + every * draw.uniform(0.5, 1.5)
    for machine in machines:
        machine.wait()
    return time.monotonic() - started


def measure(place: Place, *, texts: int, kills: int) -> None:
    """Run the three ways and print how they compare."""
    parts = -(-texts // place.part)
    runs = {"one machine": ("one",), "two machines": ("one", "two"), "two, killed": ("one", "two")}
    table = Table(title=f"{texts:,} texts in {parts} parts")
    for name in ("run", "seconds", "texts/s", "beside one", "parts by machine", "starts", "output"):
        table.add_column(name)
    alone, digests, faults = 0.0, set(), []
    for title, names in runs.items():
        run = title.replace(" ", "-").replace(",", "")
        machines = [place.machine(run, name) for name in names]
        killed = kills if "killed" in title else 0
        every = alone / 2 / (kills + 1) if killed else 0.0
        taken = seconds_of(machines, kills=killed, every=every)
        alone = alone or taken
        ours = {place.digest(run, name) for name in names}
        digests |= ours
        faults += [f"{title}: {fault}" for fault in place.faults(run, parts)]
        table.add_row(
            title,
            f"{taken:.0f}",
            f"{texts / taken:.1f}",
            f"{alone / taken:.2f}",
            " + ".join(map(str, place.makers(run).values())),
            str(sum(machine.starts for machine in machines)),
            ", ".join(sorted(one[:8] for one in ours)),
        )
    console = Console(width=120)
    console.print(table)
    faults += [] if len(digests) == 1 else ["the outputs differ"]
    console.print("\n".join(faults) or "equal outputs, every part made once, nothing left behind")
    if faults:
        raise typer.Exit(1)


def main(
    datasets: Annotated[Path, typer.Argument(help="Folder of the published corpora.")],
    texts: Annotated[int, typer.Option(min=1)] = 20_000,
    part: Annotated[int, typer.Option(min=1)] = 500,
    kills: Annotated[int, typer.Option(min=0)] = 8,
) -> None:
    """Annotate real sentences with a tiny model on one machine, and on two."""
    with (
        input_errors(),
        TemporaryDirectory(prefix="gner-machines-") as scratch,
        s3_server() as s3,
        patch.dict(os.environ, s3.environment),
    ):
        make_bucket()
        folder = Path(scratch)
        found = list(islice(real_sentences(datasets.absolute()), texts))
        if len(found) < texts:
            raise InputError(f"{datasets}: only {len(found):,} sentences")
        lines = (json.dumps({"id": n, "text": text}) for n, text in enumerate(found))
        (folder / "texts.jsonl").write_text("".join(f"{line}\n" for line in lines))
        place = Place(folder, s3, checkpoint_in(folder), part)
        measure(place, texts=texts, kills=kills)


if __name__ == "__main__":
    typer.run(main)
