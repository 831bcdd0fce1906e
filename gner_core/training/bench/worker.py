"""Child process of `gner bench train`: measures gner's training or the plain baseline.

Trains on some weight updates of a stage and reports label tokens per second, padding, memory and
model FLOP utilisation. Updates of the warm-up are not counted, and nothing is saved.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import Field
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import SaveStrategy

from gner_core.backbones.load import peak_memory_bytes
from gner_core.backbones.tokens import shared_prefix
from gner_core.config.reading.costs import named_device
from gner_core.costs.work import TokenWork, update_work
from gner_core.errors import InputError
from gner_core.runtime.gpus import VISIBLE, use_gpus
from gner_core.runtime.worker import Report, run_worker
from gner_core.training.bench.flops import matmul_peak, settle, shape_of
from gner_core.training.bench.plain import plain_trainer, shuffled
from gner_core.training.data.batches import PassShape, Update, cut_update
from gner_core.training.stage import Stage, TrainRequest, training_format

PLANNED = 20
"""Updates over which the padding of the plan is counted, whichever are run."""


class BenchRequest(TrainRequest):
    """One side of the comparison."""

    side: Literal["gner", "plain"]
    updates: int = Field(ge=1)
    """Updates that are measured."""
    warm_up: int = Field(ge=0)
    """Updates before them; with 0 the first measured update includes its set-up."""
    one_in: int = Field(ge=1)
    """Runs one in so many micro-batches of an update, over all lengths; 1 runs all."""
    peak_of: str | None
    """Device whose peak is used; None measures that of this one."""


class Clock(TrainerCallback):
    """Measures the time of all updates after the warm-up."""

    def __init__(self, warm_up: int, report: Report) -> None:
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
    """The tokens of the forward passes of some updates."""

    passes: list[tuple[list[tuple[int, int]], int]]
    """Per pass the tokens of prompts and targets, and of their shared prefix."""
    shape: PassShape

    @classmethod
    def of(cls, stage: Stage, updates: Sequence[Update], *, size: int, plain: bool) -> "Computed":
        """Collect the forward passes of some updates."""
        sharing = not plain and stage.shares_prefix
        passes = []
        for update in updates:
            cut = (
                cut_update(update, micro_batch=size, devices=1)
                if plain
                else stage.passes(update, size)
            )
            for keys in cut:
                examples = [stage.examples[key] for key in keys]
                prompts = [example.source for example in examples]
                shared = shared_prefix(prompts) if sharing else 0
                pairs = [example.lengths for example in examples]
                passes.append((pairs, shared))
        return cls(passes, PassShape(stage.shape.encoder_decoder) if plain else stage.shape)

    @property
    def label_tokens(self) -> int:
        """Tokens that carry loss."""
        return sum(target for pairs, _ in self.passes for _, target in pairs)

    @property
    def padding_share(self) -> float:
        """Share of the computed positions that hold no token; a shared prefix counts once."""
        computed = padded = 0
        for pairs, shared in self.passes:
            own = [(source - shared, target) for source, target in pairs]
            tokens, added = self.shape.padding(own)
            computed += tokens + added + shared
            padded += added
        return padded / computed

    def flops(self, work: TokenWork) -> float:
        """Return the operations that a model needs for them; a shared prefix counts once."""
        total = 0.0
        for pairs, shared in self.passes:
            total += sum(work.flops(prompt=source, target=target) for source, target in pairs)
            total -= (len(pairs) - 1) * work.reading(prompt=shared)
        return total


def work(request: BenchRequest, report: Report) -> dict[str, Any]:
    """Train and measure; return the figures of one side."""
    if request.threads:
        torch.set_num_threads(request.threads)
    plain = request.side == "plain"
    stage = Stage(_one_epoch(request))
    size = stage.micro_batch()
    whole = stage.updates[:PLANNED]
    if plain:
        whole = shuffled(whole, seed=request.train.seed)
    planned = Computed.of(stage, whole, size=size, plain=plain)
    _thin_out(stage, request, size)
    if plain:
        stage.updates = shuffled(stage.updates, seed=request.train.seed)
    run = Computed.of(stage, stage.updates[request.warm_up :], size=size, plain=plain)
    clock = Clock(request.warm_up, report)
    trainer = (
        plain_trainer(stage, micro_batch=size, callbacks=[clock])
        if plain
        else stage.trainer(micro_batch=size, checkpoint=None, callbacks=[clock])
    )
    trainer.args.save_strategy = SaveStrategy.NO
    train = request.train
    shape = request.backbone.shape or shape_of(trainer.model.config)
    needed = update_work(shape, frozen_layers=train.frozen_layers, adapters=train.lora is not None)
    trainer.train()
    memory = peak_memory_bytes()
    dtype = training_format(request.backbone, request.execution)
    named = request.peak_of
    peak = named_device(named).flops[dtype] if named else matmul_peak(dtype=dtype)
    per_second = run.flops(needed) / clock.seconds
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
    """Return the request for one epoch; the baseline does not group sentences by length."""
    window = 1 if request.side == "plain" else request.train.length_window
    train = request.train.model_copy(update={"epochs": 1, "length_window": window})
    return request.model_copy(update={"train": train})


def _thin_out(stage: Stage, request: BenchRequest, size: int) -> None:
    """Keep the updates that are run, each with one in `one_in` of its micro-batches.

    Raises:
        InputError: when there are too few sentences for that many updates.
    """
    count = request.warm_up + request.updates
    updates = []
    for update in stage.updates:
        if len(update) == request.train.global_batch:
            micros = cut_update(update, micro_batch=size, devices=1)
            chosen = micros[min(request.one_in // 2, len(micros) - 1) :: request.one_in]
            updates.append([key for micro in chosen for key in micro])
    if len(updates) < count:
        raise InputError(
            f"the sentences make {len(updates)} whole updates of {request.train.global_batch}; "
            f"{count} are wanted: lower --updates or train.global_batch of the stage"
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
