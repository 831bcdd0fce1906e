"""Measures what shared beginnings of prompts save a text system."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from gner_core.config.experiment import Experiment
from gner_core.errors import InputError
from tasks.standalone.bench.generation import decoding, read_by, tested
from tasks.standalone.bench.measuring import measured, untracked_run

WORKER = "gner_core.generation.texts.bench"
Way = Literal["transformers", "each", "shared"]
WAYS: Sequence[Way] = ("transformers", "each", "shared")


@dataclass(frozen=True)
class PrefixRow:
    """One way in which prompts run, with its figures; `seconds` is the fastest round."""

    way: Way
    """transformers: whole prompts in batches of calls that are sorted by length, by transformers'
    own generation; each: whole prompts; shared: what prompts share runs once."""
    batch: int
    sentences: int
    calls: int
    prompt_tokens: int
    answer_tokens: int
    computed_in: str
    memory_bytes: int
    rounds: Sequence[float]
    """Seconds."""
    same: int
    """Calls with the same answer as in the first way."""

    @property
    def seconds(self) -> float:
        """The time of the fastest round: others were disturbed."""
        return min(self.rounds)


def measure_prefixes(
    experiment: Experiment,
    *,
    evaluation: str,
    checkpoint: Path | None,
    batch: int,
    rounds: int,
    console: Console,
) -> list[PrefixRow]:
    """Return one row for every way, measured in turn.

    Args:
        checkpoint: its folder; None takes the one that `gner run` published.
        batch: sentences of a batch; for transformers calls.

    Raises:
        InputError: for faults of corpora or checkpoint, where no checkpoint is published, and for
            an encoder-decoder, whose prompts share nothing.
    """
    written = tested(experiment, evaluation)
    if written.backbone.family != "decoder_only":
        raise InputError(
            f"{written.backbone.name}: an encoder reads every prompt as a whole; prefixes are "
            "shared by decoder_only backbones"
        )
    seconds: dict[Way, list[float]] = {way: [] for way in WAYS}
    outputs, facts = {}, {}
    with untracked_run(experiment.execution, console=console) as run:
        common = read_by(written, run, checkpoint=checkpoint)
        common |= decoding(experiment, written, written.decode, batch)
        for number in range(rounds):
            for way in WAYS:
                title = f"{way}, round {number + 1} of {rounds}"
                with measured(WORKER, {**common, "way": way}, run, title=title) as (figures, _):
                    seconds[way].append(figures.pop("seconds"))
                    outputs[way] = [text for each in figures.pop("outputs") for text in each]
                    facts[way] = figures
    first = outputs[WAYS[0]]
    return [
        PrefixRow(
            way=way,
            batch=batch,
            rounds=seconds[way],
            same=sum(one == other for one, other in zip(first, outputs[way], strict=True)),
            **facts[way],
        )
        for way in WAYS
    ]
