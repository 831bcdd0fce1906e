"""Child process of `gner bench train`: one side of the comparison in a process of its own.

Trains some weight updates of a stage on its own sentences, either as gner does or as the plain
baseline does (`training.plain`), and reports label tokens a second, padding, memory and model
FLOP utilisation. Updates of the warm-up are not counted, and nothing is saved.
"""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from transformers import (
    AutoConfig,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import SaveStrategy

from gner_core.backbones.encoder import shared_prefix
from gner_core.errors import InputError
from gner_core.runtime.gpus import VISIBLE, use_gpus
from gner_core.runtime.worker import Report, run_worker
from gner_core.training.bench.flops import ModelWork, matmul_peak, named_peak, settle
from gner_core.training.bench.plain import plain_trainer, shuffled
from gner_core.training.data.batches import Update, cut_update, padding
from gner_core.training.guards import memory_bytes
from gner_core.training.memory import micro_batch
from gner_core.training.stage import Stage, TrainRequest

PLANNED = 20
"""Updates over which the padding of the plan is counted, beside those that are run."""


class BenchRequest(TrainRequest):
    """What the child process is asked for."""

    side: Literal["gner", "plain"]
    updates: int = Field(ge=1)
    """Updates that are measured."""
    warm_up: int = Field(ge=0)
    """Updates before them; 0 counts the first update with its set-up."""
    one_in: int = Field(ge=1)
    """Only every so-manyth micro-batch of an update is run, over all lengths; 1 runs all."""
    peak_of: str | None
    """Device whose peak counts; None measures this one's."""


class Clock(TrainerCallback):
    """Takes the time of all updates after the warm-up."""

    def __init__(self, warm_up: int, report: Report) -> None:
        """Start after `warm_up` updates."""
        self.warm_up = warm_up
        self.report = report
        self.started = self.seconds = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Start the clock for a training without warm-up."""
        self.started = time.perf_counter()

    def on_step_end(
        self, _args: TrainingArguments, state: TrainerState, _control: TrainerControl, **_: Any
    ) -> None:
        """Start or read the clock between two updates."""
        settle()
        if state.global_step == self.warm_up:
            self.started = time.perf_counter()
        self.seconds = time.perf_counter() - self.started
        self.report(state.global_step, state.max_steps)


@dataclass(frozen=True, slots=True)
class Computed:
    """What the micro-batches of some updates compute."""

    micros: list[tuple[list[tuple[int, int]], int]]
    """Per micro-batch the tokens of prompts and targets, and of their shared prefix."""
    encoder_decoder: bool

    @classmethod
    def of(cls, stage: Stage, updates: Sequence[Update], *, size: int, sharing: bool) -> "Computed":
        """Collect the micro-batches of some updates."""
        micros = []
        for update in updates:
            for micro in cut_update(update, micro_batch=size, devices=1):
                examples = [stage.examples[place] for place in micro]
                prompts = [example.source for example in examples]
                shared = shared_prefix(prompts) if sharing else 0
                pairs = [(len(e.source), len(e.target)) for e in examples]
                micros.append((pairs, shared))
        return cls(micros, stage.request.backbone.family == "encoder_decoder")

    @property
    def label_tokens(self) -> int:
        """Tokens that carry loss."""
        return sum(target for pairs, _ in self.micros for _, target in pairs)

    @property
    def padding_share(self) -> float:
        """Share of the computed positions that hold no token; a shared prefix counts once."""
        computed = filled_up = 0
        for pairs, shared in self.micros:
            own = [(source - shared, target) for source, target in pairs]
            tokens, filling = padding(own, encoder_decoder=self.encoder_decoder)
            computed += tokens + filling + shared
            filled_up += filling
        return filled_up / computed

    def flops(self, model: ModelWork) -> float:
        """Return the operations that a model needs for them."""
        return sum(model.flops(pairs, shared=shared) for pairs, shared in self.micros)


def work(request: BenchRequest, report: Report) -> dict[str, Any]:
    """Train and measure; return the figures of one side."""
    if request.threads:
        torch.set_num_threads(request.threads)
    plain = request.side == "plain"
    stage = Stage(_one_epoch(request))
    size = micro_batch(
        Path(request.scratch),
        asked=request.execution.train_batch,
        global_batch=request.train.global_batch,
        devices=1,
        longest=stage.longest,
        parameters=request.backbone.parameters,
        config=AutoConfig.from_pretrained(request.model),
    )
    sharing = not plain and stage.shares_prefix
    whole = stage.updates[:PLANNED]
    if plain:
        whole = shuffled(whole, seed=request.train.seed)
    planned = Computed.of(stage, whole, size=size, sharing=sharing)
    _thin_out(stage, request, size)
    if plain:
        stage.updates = shuffled(stage.updates, seed=request.train.seed)
    run = Computed.of(stage, stage.updates[request.warm_up :], size=size, sharing=sharing)
    clock = Clock(request.warm_up, report)
    trainer = (
        plain_trainer(stage, micro_batch=size, callbacks=[clock])
        if plain
        else stage.trainer(micro_batch=size, checkpoint=None, callbacks=[clock])
    )
    trainer.args.save_strategy = SaveStrategy.NO
    trainer.train()
    memory = memory_bytes()
    dtype = request.backbone.dtype if torch.cuda.is_available() else "float32"
    peak = named_peak(request.peak_of, dtype=dtype) if request.peak_of else matmul_peak(dtype=dtype)
    per_second = run.flops(ModelWork.of(trainer.model)) / clock.seconds
    return {
        "figures": {
            "side": request.side,
            "seconds": clock.seconds,
            "updates": request.updates,
            "sentences": sum(len(update) for update in stage.updates[request.warm_up :]),
            "micro_batch": size,
            "label_tokens": run.label_tokens,
            "label_tokens_per_second": run.label_tokens / clock.seconds,
            "padding_share": run.padding_share,
            "planned_updates": len(whole),
            "planned_padding_share": planned.padding_share,
            "memory_bytes": memory,
            "flops_per_second": per_second,
            "peak_flops_per_second": peak,
            "dtype": dtype,
            "device": _device_name(),
        }
    }


def _one_epoch(request: BenchRequest) -> BenchRequest:
    """Plan one epoch; the baseline's sentences are not grouped by length at all."""
    window = 1 if request.side == "plain" else request.train.length_window
    train = request.train.model_copy(update={"epochs": 1, "length_window": window})
    return request.model_copy(update={"train": train})


def _thin_out(stage: Stage, request: BenchRequest, size: int) -> None:
    """Leave the updates to be run, each with one in so many of its micro-batches.

    Raises:
        InputError: when there are too few sentences for that many updates.
    """
    count = request.warm_up + request.updates
    updates = []
    for update in stage.updates:
        if len(update) == request.train.global_batch:
            micros = cut_update(update, micro_batch=size, devices=1)
            chosen = micros[min(request.one_in // 2, len(micros) - 1) :: request.one_in]
            updates.append([place for micro in chosen for place in micro])
    if len(updates) < count:
        raise InputError(
            f"the sentences make {len(updates)} whole updates of {request.train.global_batch}; "
            f"{count} are wanted: lower --updates or adaptation.train.global_batch"
        )
    stage.updates = updates[:count]
    train = stage.request.train.model_copy(update={"global_batch": len(updates[0])})
    stage.request = stage.request.model_copy(update={"train": train})


def _device_name() -> str:
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name(0))
    return f"CPU, {torch.get_num_threads()} threads"


def start(request: BenchRequest, report: Report) -> dict[str, Any]:
    """Measure on a GPU that nobody else uses, where there is one."""
    use_gpus(1, purpose="gner bench train")
    os.environ.setdefault(VISIBLE, "0")  # where no nvidia-smi told
    return work(request, report)


def main(path: str) -> None:
    """Run as a worker: `path` is the request file."""
    run_worker(path, BenchRequest, start)


if __name__ == "__main__":
    main(sys.argv[1])
