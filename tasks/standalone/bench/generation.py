"""The speed of ways of decoding for `gner bench generate`: one child process for each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from gner_core.artifact_files import SCORED, SENTENCES
from gner_core.config.experiment import Experiment
from gner_core.config.systems.any import DecodeParams
from gner_core.errors import InputError, did_you_mean
from gner_core.scoring.metrics.tally import tally
from gner_core.scoring.scored import Scored, read_scored
from tasks.context import RunContext
from tasks.plans.experiment import plan_experiment
from tasks.standalone.bench.measuring import measured, publish_samples, untracked_run
from tasks.steps.models import Generate, Stored
from tasks.steps.step import values

WORKER = "gner_core.generation.bench"
Mode = Literal["free", "guided"]
Way = tuple[Mode, int, int]
"""Mode, beams and batch."""
Measured = tuple[Mapping[str, Any], list[Scored]]
"""Figures, and what was generated."""


@dataclass(frozen=True)
class GenerationRow:
    """One way of decoding with its figures."""

    mode: Mode
    beams: int
    batch: int
    figures: Mapping[str, Any]
    f1: float
    """The paper's mean F1 over corpora."""
    times_free: float | None
    """Instances a second against free greedy decoding with the same batch."""
    same: tuple[int, int] | None
    """Of the well-formed texts of free greedy decoding: sentences with the same labels, and all."""
    differ: Sequence[tuple[str, str, str]]
    """The others of these: id, the free text, the guided text."""


def measure_generation(
    experiment: Experiment,
    *,
    evaluation: str,
    checkpoint: Path | None,
    ways: Iterable[Way],
    console: Console,
) -> list[GenerationRow]:
    """Return one row for every way of decoding, in the order given.

    Args:
        checkpoint: its folder; None takes the one that `gner run` published.

    Raises:
        InputError: for faults of corpora or checkpoint, and where no checkpoint is published.
    """
    written = tested(experiment, evaluation)
    found: dict[Way, Measured] = {}
    with untracked_run(experiment.execution, console=console) as run:
        common = read_by(written, run, checkpoint=checkpoint)
        for mode, beams, batch in ways:
            guided = written.decode.fitted({})
            decode = guided if mode == "guided" else guided.freely()
            decode = decode.model_copy(update={"mode": mode, "beams": beams})
            request = {**common, **decoding(experiment, written, decode, batch)}
            title = f"{mode}, beams {beams}, batch {batch}"
            with measured(WORKER, request, run, title=title) as (figures, folder):
                found[mode, beams, batch] = (figures, read_scored(folder / SCORED))
    return [_row(way, found) for way in found]


def tested(experiment: Experiment, evaluation: str) -> Generate:
    """Return the generation of a test.

    Raises:
        InputError: for a test that is not there, and as `plan_experiment`.
    """
    if evaluation not in experiment.tests:
        hint = did_you_mean(evaluation, experiment.tests)
        hint = hint or f"; there are: {', '.join(experiment.tests)}"
        raise InputError(f"{experiment.file}: no test {evaluation!r}{hint}")
    written = plan_experiment(experiment).tests[evaluation].predictions
    if not isinstance(written, Generate):
        raise InputError(f"{experiment.file}: tests.{evaluation}: no model of ours generates here")
    return written


def read_by(written: Generate, run: RunContext, *, checkpoint: Path | None) -> dict[str, Any]:
    """Return where a worker reads the sentences and the model of a generation.

    Raises:
        InputError: for faults of corpora, and where no checkpoint is published.
    """
    publish_samples([written.data], run)
    return {
        "sentences": str(run.path(written.data) / SENTENCES),
        "model": str(checkpoint.absolute() if checkpoint else _published(written, run)),
    }


def _published(written: Generate, run: RunContext) -> Path:
    step = written.model
    if not isinstance(step, Stored) and not run.store.has(step.ref):
        raise InputError(
            f"{step.title}: no checkpoint is published yet; run the experiment first, or name a "
            "folder with --checkpoint"
        )
    return run.path(step)


def decoding(
    experiment: Experiment, written: Generate, decode: DecodeParams, batch: int
) -> dict[str, Any]:
    """Return what a worker gets for a way of decoding."""
    return {
        "backbone": values(written.backbone),
        "system": values(written.system),
        "decode": values(decode),
        "batch": batch,
        "batch_tokens": experiment.execution.generate_tokens,
        "processes": 1,
        "exact": experiment.execution.exact,
        "threads": experiment.execution.threads,
    }


def _row(way: Way, found: Mapping[Way, Measured]) -> GenerationRow:
    mode, beams, batch = way
    figures, scored = found[way]
    free = found.get(("free", 1, batch))
    macro = tally(scored, "pair", without=()).scores(without=())["macro"]
    compared = free is not None and (mode, beams) == ("guided", 1)
    copies = _copies(free, scored) if free and compared else []
    differ = [(a.id, a.text, b.text) for a, b in copies if a.predicted != b.predicted]
    return GenerationRow(
        mode,
        beams,
        batch,
        figures,
        macro["f1"],
        free[0]["seconds"] / figures["seconds"] if free else None,
        (len(copies) - len(differ), len(copies)) if compared else None,
        differ,
    )


def _copies(free: Measured, scored: list[Scored]) -> list[tuple[Scored, Scored]]:
    """Return the sentences that free decoding copies well, as it and as the other way labels them."""
    pairs = zip(free[0]["copies"], free[1], scored, strict=True)
    return [(one, other) for copy, one, other in pairs if copy]
