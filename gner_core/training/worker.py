"""Child process of one training stage: `python -m gner_core.training.worker REQUEST.json`.

Owns the way from a request to a published checkpoint: load, resume from the newest whole
checkpoint, train, save safetensors weights and tokenizer, and a journal of metrics per update.

The output folder gets: model and tokenizer files, `metrics.jsonl` (one line per weight update)
and `summary.json`.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments, set_seed

from gner_core.backbones.encode import Encoder
from gner_core.backbones.load import load_model, load_tokenizer
from gner_core.params import BackboneParams, TargetForm, TrainParams
from gner_core.records import read_sentences
from gner_core.training.batches import Place, accumulation, plan_batches
from gner_core.training.examples import Examples
from gner_core.training.trainer import StageTrainer, checkpoints, freeze_layers
from gner_core.worker import Report, Request, run_worker

JOURNAL = "metrics.jsonl"


class TrainRequest(Request):
    """What the child process is asked for."""

    backbone: BackboneParams
    target: TargetForm
    train: TrainParams
    model: str
    """Folder of the model to start from."""
    sentences: str
    """Parquet file of the training sentences."""
    micro_batch: int
    checkpoint_every: int
    keep_checkpoints: int


def work(request: TrainRequest, report: Report) -> dict[str, Any]:
    """Train the stage and fill the output folder; return the summary."""
    started = time.monotonic()
    if request.threads:
        torch.set_num_threads(request.threads)
    tokenizer = load_tokenizer(Path(request.model))
    sentences = read_sentences(Path(request.sentences))
    encoder = Encoder(tokenizer, request.backbone, request.target)
    examples = Examples(sentences, encoder, request.train)
    lengths = examples.lengths()
    plan = plan_batches(
        lengths,
        epochs=request.train.epochs,
        global_batch=request.train.global_batch,
        length_window=request.train.length_window,
        micro_batch=request.micro_batch,
        seed=request.train.seed,
    )
    trainer = _trainer(request, examples, plan, lengths, report)
    found = checkpoints(Path(request.scratch))
    trainer.train(resume_from_checkpoint=str(found[-1]) if found else None)
    output = Path(request.output)
    trainer.model.to(torch.float32).save_pretrained(output)
    tokenizer.save_pretrained(output)
    summary = {
        "updates": trainer.state.global_step,
        "sentences": len(sentences),
        "left_out": sum(length == 0 for length in lengths[0]),
        "tokens": sum(map(sum, lengths)),
        "resumed_from": int(found[-1].name.rsplit("-", 1)[1]) if found else 0,
        "device": str(trainer.args.device),
        "seconds_this_attempt": round(time.monotonic() - started, 1),
    }
    journal = [_journal_line(entry) for entry in trainer.state.log_history if "loss" in entry]
    (output / JOURNAL).write_text("".join(f"{json.dumps(line)}\n" for line in journal))
    (output / "summary.json").write_text(json.dumps(summary, indent=1))
    return {"summary": summary}


def _trainer(
    request: TrainRequest,
    examples: Examples,
    plan: list[list[Place]],
    lengths: list[list[int]],
    report: Report,
) -> StageTrainer:
    params = request.train
    set_seed(params.seed)
    # Weights and optimizer are float32; a bfloat16 backbone computes in it where a GPU can.
    model = load_model(Path(request.model), request.backbone, dtype="float32")
    freeze_layers(model, params.frozen_layers)
    steps = accumulation(params.global_batch, request.micro_batch)
    updates = -(-len(plan) // steps)
    arguments = TrainingArguments(
        output_dir=request.scratch,
        max_steps=updates,
        per_device_train_batch_size=request.micro_batch,
        gradient_accumulation_steps=steps,
        learning_rate=params.learning_rate,
        lr_scheduler_type="constant_with_warmup"
        if params.schedule == "constant"
        else params.schedule,
        warmup_steps=round(params.warmup_share * updates),
        weight_decay=params.weight_decay,
        max_grad_norm=params.max_grad_norm,
        optim="adamw_torch",
        bf16=request.backbone.dtype == "bfloat16" and torch.cuda.is_available(),
        seed=params.seed,
        save_strategy="steps",
        save_steps=request.checkpoint_every,
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to=[],
    )
    return StageTrainer(
        model=model,
        args=arguments,
        examples=examples,
        plan=plan,
        keep=request.keep_checkpoints,
        callbacks=[_Journal(report, plan, lengths, steps)],
    )


def _journal_line(entry: dict[str, Any]) -> dict[str, float]:
    """Return what is kept of one log entry of the Trainer: the same in every attempt."""
    names = ("loss", "learning_rate", "grad_norm")
    return {"step": entry["step"], **{name: float(entry[name]) for name in names}}


class _Journal(TrainerCallback):
    """Reports every weight update while the training runs, with tokens per second."""

    def __init__(
        self, report: Report, plan: list[list[Place]], lengths: list[list[int]], steps: int
    ) -> None:
        self.report = report
        tokens = [sum(lengths[e][i] for e, i in batch) for batch in plan]
        self.tokens = [sum(tokens[at : at + steps]) for at in range(0, len(tokens), steps)]
        self.clock = 0.0

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.clock = time.monotonic()

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        entry = state.log_history[-1]
        if "loss" not in entry or not state.is_world_process_zero:
            return
        seconds = time.monotonic() - self.clock
        line = _journal_line(entry)
        step = int(line.pop("step"))
        speed = self.tokens[step - 1] / seconds if seconds > 0 else 0.0
        self.report(step, state.max_steps, **line, tokens_per_second=round(speed, 1))


def main(path: str) -> None:
    """Run as a worker: `path` is the request file."""
    run_worker(path, TrainRequest, work)


if __name__ == "__main__":
    main(sys.argv[1])
