"""The speed of GLiNER beside that of ways of decoding, for `gner bench generate`."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from gner_core.config.experiment import Experiment
from gner_core.systems.gliner.environment import look
from gner_core.systems.gliner.speed import FORMATS, SIZES
from tasks.paths import home_folder
from tasks.standalone.bench.generation import read_by, tested
from tasks.standalone.bench.measuring import measured, untracked_run

WORKER = "gner_core.systems.gliner.speed"


@dataclass(frozen=True)
class GlinerRow:
    """A shape in a number format, with random weights."""

    size: str
    """Of the released checkpoint with this shape."""
    dtype: str
    batch: int
    sentences: int
    """Those that are not too long."""
    seconds: float
    parameters: int
    device: str


def measure_gliner(
    experiment: Experiment,
    *,
    evaluation: str,
    checkpoint: Path | None,
    batches: Iterable[int],
    console: Console,
) -> list[GlinerRow]:
    """Return one row for every shape, number format and batch; none where GLiNER is not installed.

    Arguments and errors are those of `measure_generation`; the checkpoint's tokenizer is used.
    """
    found = look(home_folder())
    if found.state != "installed":
        return []
    rows = []
    with untracked_run(experiment.execution, console=console) as run:
        read = read_by(tested(experiment, evaluation), run, checkpoint=checkpoint)
        for size in SIZES:
            for batch in batches:
                request = {
                    "environment": str(found.folder),
                    "tokenizer": read["model"],
                    "size": size,
                    "sentences": read["sentences"],
                    "batch": batch,
                    "threads": experiment.execution.threads,
                }
                title = f"GLiNER {size}, batch {batch}"
                with measured(WORKER, request, run, title=title) as (figures, _):
                    rows += [
                        GlinerRow(
                            size,
                            dtype,
                            batch,
                            figures["sentences"] - figures["skipped"],
                            figures["seconds"][dtype],
                            figures["parameters"],
                            figures["device"],
                        )
                        for dtype in FORMATS
                    ]
    return rows
