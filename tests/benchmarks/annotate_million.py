"""What `gner annotate` costs besides the model: a stub takes its place, and the time it takes is taken off.

Reports the seconds of each phase, and the memory of this process at a tenth of the way and at most.

    python -m tests.benchmarks.annotate_million --texts 1000000
    python -m tests.benchmarks.annotate_million --texts 100000 --s3    # the store on S3 on loopback
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from unittest.mock import patch

import psutil
import typer
from rich.console import Console
from rich.table import Table

from flows import annotate as flow
from flows.cli.messages import input_errors
from gner_core.annotating.params import Annotation
from gner_core.config.backbone import BackboneParams
from gner_core.config.checkpoint import VERSION, Description, describe
from gner_core.config.reading.files import read_params
from gner_core.systems.gner.targets import BIO
from tests.s3_server import make_bucket, s3_server
from tests.tasks.annotating.stub_worker import found

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "gner_core" / "corpora" / "demo"
STUB = "tests.tasks.annotating.stub_worker"
PHASES = ("plan_annotation", "_annotate", "_write")
NAMES = {"plan_annotation": "reading", "_annotate": "annotating", "_write": "writing"}
SAMPLED_SECONDS = 0.2
MEGABYTE = 1e6


def demo_texts() -> Iterator[str]:
    """The sentences of the demo corpora, again and again, each with a number of its own."""
    blocks = [
        block for file in sorted(DEMO.glob("*.tsv")) for block in file.read_text().split("\n\n")
    ]
    words = [[line.split("\t")[0] for line in block.splitlines() if line] for block in blocks]
    for number, one in enumerate(cycle([" ".join(given) for given in words if given])):
        yield f"{number} {one}"


def write_corpus(file: Path, texts: int) -> None:
    """Write so many sentences as JSON lines."""
    with file.open("w") as lines:
        for number, text in enumerate(islice(demo_texts(), texts)):
            lines.write(json.dumps({"id": number, "text": text}) + "\n")


def stub_checkpoint(folder: Path) -> str:
    """Write what is needed of a checkpoint that is never loaded."""
    folder.mkdir()
    (folder / "model.safetensors").write_text("none")
    backbone = read_params(BackboneParams, ROOT / "params" / "models" / "tiny-t5.yaml")
    describe(folder, Description(version=VERSION, backbone=backbone, target=BIO, types=("name",)))
    return str(folder)


@contextmanager
def timed(seconds: dict[str, float]) -> Iterator[None]:
    """Note how long each phase takes."""
    with ExitStack() as patches:
        for name in PHASES:
            patches.enter_context(patch.object(flow, name, _timed(name, seconds)))
        yield


def _timed(name: str, seconds: dict[str, float]) -> Callable[..., Any]:
    work = getattr(flow, name)

    def call(*given: Any, **more: Any) -> Any:
        started = time.monotonic()
        try:
            return work(*given, **more)
        finally:
            seconds[NAMES[name]] = time.monotonic() - started

    return call


@contextmanager
def sampled(memory: list[float]) -> Iterator[None]:
    """Note the memory of this process in MB, several times a second."""
    ended, own = threading.Event(), psutil.Process()

    def sample() -> None:
        while not ended.wait(SAMPLED_SECONDS):
            memory.append(own.memory_info().rss / MEGABYTE)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def stub_seconds(texts: int) -> float:
    """How long the stub itself takes for the texts."""
    started = time.monotonic()
    for text in islice(demo_texts(), texts):
        found(text, "name")
    return time.monotonic() - started


def measure(folder: Path, texts: int, part: int) -> None:
    """Annotate generated texts, and print what it took."""
    write_corpus(folder / "texts.jsonl", texts)
    params = Annotation(
        checkpoint=stub_checkpoint(folder / "model"),
        about=None,
        data=(str(folder / "texts.jsonl"),),
        output=str(folder / "out"),
        types=(),
        form=None,
        text="text",
        id="id",
        part=part,
        beams=1,
        batch=16,
        workers=1,
    )
    seconds: dict[str, float] = {}
    memory: list[float] = []
    started = time.monotonic()
    with timed(seconds), sampled(memory):
        done = flow.annotate_here(params, console=Console(quiet=True))
    whole = time.monotonic() - started
    stub = stub_seconds(texts)
    table = Table(title=f"{texts:,} texts in {len(done.manifest['parts']):,} parts of {part:,}")
    for name in ("", "seconds", "µs a text", "ms a part"):
        table.add_column(name, justify="right" if name else "left")
    rows = {**seconds, "all": whole, "of it the stub": stub, "overhead": whole - stub}
    for name, taken in rows.items():
        per_text, per_part = 1e6 * taken / texts, 1e3 * taken / len(done.manifest["parts"])
        table.add_row(name, f"{taken:.1f}", f"{per_text:.0f}", f"{per_part:.1f}")
    console = Console()
    console.print(table)
    early = max(memory[: max(1, len(memory) // 10)])
    console.print(
        f"memory: {early:.0f} MB in the first tenth of the time, {max(memory):.0f} MB at most"
    )


def main(
    texts: Annotated[int, typer.Option(min=1)] = 1_000_000,
    part: Annotated[int, typer.Option(min=1)] = 2000,
    s3: Annotated[bool, typer.Option("--s3", help="Keep the parts on S3 on loopback.")] = False,
) -> None:
    """Annotate generated texts with a stub in the model's place."""
    with (
        input_errors(),
        TemporaryDirectory(prefix="gner-million-") as scratch,
        patch("tasks.workers.PRELOADED", ()),
        patch("tasks.annotating.pool.WORKER", STUB),
        patch.dict(os.environ, {"GNER_HOME": f"{scratch}/home"}),
        ExitStack() as server,
    ):
        os.environ.pop("GNER_STORE", None)
        if s3:
            running = server.enter_context(s3_server())
            os.environ |= {**running.environment, "GNER_STORE": running.url("million")}
            make_bucket()
        measure(Path(scratch), texts, part)


if __name__ == "__main__":
    typer.run(main)
