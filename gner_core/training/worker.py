"""Child process of one training stage: `python -m gner_core.training.worker REQUEST.json`.

With the launcher `plain` this process trains; with the others it supervises ranks, which run this
module again.

The output folder gets the chosen weights, the tokenizer, `gner.json` (the checkpoint's
description), `metrics.jsonl` (one line per weight update) and `summary.json`.
"""

import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch

from gner_core.artifact_files import JOURNAL, SUMMARY
from gner_core.backbones.load import is_out_of_memory
from gner_core.config.checkpoint import VERSION, Description, describe
from gner_core.config.execution import DeepspeedLauncher, PlainLauncher
from gner_core.config.systems.gliner import GlinerSystem
from gner_core.config.systems.gner import GnerSystem
from gner_core.errors import InputError
from gner_core.runtime.files import write_file, write_json
from gner_core.runtime.gpus import VISIBLE, join_gpus, seize_gpu, use_gpus
from gner_core.runtime.locks import IN_USE, file_lock
from gner_core.runtime.log import say
from gner_core.runtime.machine import took_gpus
from gner_core.runtime.worker import COMPUTED_IN, REQUEST, Report, run_worker
from gner_core.training.adapters import save_published
from gner_core.training.checkpoints import best_weights as best
from gner_core.training.checkpoints.resume import (
    checkpoints,
    disk_is_full,
    newest_whole,
    update_of,
)
from gner_core.training.data.validation import VALIDATION_LOSS, best_so_far
from gner_core.training.gliner import train_gliner
from gner_core.training.guards import Journal, StopOnSignal, journal_lines
from gner_core.training.launch.lifeline import LIFELINE, end_with
from gner_core.training.launch.ranks import RANK_RESULT, STOPPED, supervise
from gner_core.training.memory import halve
from gner_core.training.stage import Stage, TrainRequest, training_format
from gner_core.training.trainer import StageTrainer


def start(request: TrainRequest, report: Report) -> dict[str, Any]:
    """Train in this process, or supervise the ranks that do."""
    scratch, launcher = Path(request.scratch), request.execution.launcher
    _try_writing(scratch)
    with file_lock(scratch / IN_USE):  # an earlier worker may still write its last checkpoint
        if isinstance(launcher, PlainLauncher):
            took_gpus(scratch, use_gpus(1, purpose=_purpose(scratch)))
            os.environ.setdefault(VISIBLE, "0")  # without nvidia-smi
            if isinstance(request.system, GlinerSystem):
                return train_gliner(request, request.system, report)
            return work(request, report)
        if not _on_several_machines(request):
            took_gpus(scratch, use_gpus(launcher.processes, purpose=_purpose(scratch)))
        return supervise(str(scratch / REQUEST), launcher, scratch=scratch)


def _keep_format(request: TrainRequest) -> None:
    """Refuse to go on with a training in another number format than it was begun in.

    Raises:
        InputError: where it was.
    """
    scratch = Path(request.scratch)
    file, now = scratch / COMPUTED_IN, training_format(request.backbone, request.execution)
    before = file.read_text() if file.exists() and checkpoints(scratch) else now
    if before != now:
        raise InputError(
            f"{scratch}: this training was begun in {before} and would go on in {now}; go on where "
            f"{before} is computed (execution.exact chooses float32), or delete this folder to "
            "start anew"
        )
    write_file(file, now)


def _rank(request: TrainRequest, report: Report) -> dict[str, Any]:
    """Train as one of several ranks, on a GPU that a supervisor on this machine has taken."""
    if _on_several_machines(request):
        seize_gpu(int(os.environ["LOCAL_RANK"]), purpose=_purpose(Path(request.scratch)))
    else:
        join_gpus()
    return work(request, report)


def _on_several_machines(request: TrainRequest) -> bool:
    launcher = request.execution.launcher
    return isinstance(launcher, DeepspeedLauncher) and launcher.hostfile is not None


def _purpose(scratch: Path) -> str:
    return "/".join(scratch.parts[-2:])  # the artifact


def work(request: TrainRequest, report: Report) -> dict[str, Any]:
    """Train the stage and fill the output folder; return the summary.

    Raises:
        InputError: for unusable sentences, weights or folders, and for a training that diverges.
        SystemExit: with code 143 after SIGTERM; a checkpoint has been written.
    """
    started = time.monotonic()
    scratch, output = Path(request.scratch), Path(request.output)
    for folder in (scratch, output):
        _try_writing(folder)
    if request.threads:
        torch.set_num_threads(request.threads)
    stage = Stage(request)
    if stage.device == 0:
        _keep_format(request)
    size = stage.micro_batch()
    while True:
        checkpoint = newest_whole(scratch, warn=say)
        try:
            trainer = _attempt(stage, checkpoint, size, report)
            break
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            smaller = halve(scratch, size)
            say(f"out of memory with micro-batches of {size}; going on with {smaller}")
            if stage.devices > 1:  # the other ranks wait for this one: all must start again
                raise
            size = smaller
        gc.collect()
        torch.cuda.empty_cache()
    summary = {
        "updates": trainer.state.global_step,
        **stage.facts(),
        "micro_batch": size,
        "devices": stage.devices,
        "resumed_from": update_of(checkpoint) if checkpoint else 0,
        "chosen": _chosen(trainer, stage),
        "device": str(trainer.args.device),
        COMPUTED_IN: training_format(request.backbone, request.execution),
        "seconds_this_attempt": round(time.monotonic() - started, 1),
    }
    _publish(trainer, stage, summary)
    return {"summary": summary}


def _attempt(stage: Stage, checkpoint: Path | None, size: int, report: Report) -> StageTrainer:
    scratch = Path(stage.request.scratch)
    journal = Journal(
        report,
        stage.loads(size),
        scratch=scratch,
        diverged_factor=stage.request.execution.diverged_factor,
    )
    if stage.device == 0:
        best.restore(checkpoint, scratch)
    with StopOnSignal(scratch) as stop:
        trainer = stage.trainer(micro_batch=size, checkpoint=checkpoint, callbacks=[journal, stop])
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if stop.stopped:
        say(
            f"stopped after update {trainer.state.global_step} of {trainer.state.max_steps}; "
            f"the same command goes on from {_kept(scratch)}"
        )
        sys.exit(STOPPED)
    return trainer


def _chosen(trainer: StageTrainer, stage: Stage) -> dict[str, Any]:
    """Return the update whose weights are published, and how they were chosen."""
    found = best_so_far(trainer.state.log_history)
    if stage.validation is None or found is None:
        return {"update": trainer.state.global_step, "by": "last"}
    return {
        "update": found["step"],
        "by": stage.request.choose.kind,
        VALIDATION_LOSS: found[VALIDATION_LOSS],
        **stage.validation.facts(),
    }


def _publish(trainer: StageTrainer, stage: Stage, summary: dict[str, Any]) -> None:
    output = Path(stage.request.output)
    weights = trainer.weights() if stage.validation is None else None  # all ranks help
    if not trainer.is_world_process_zero():
        return
    journal = journal_lines(trainer.state.log_history)
    try:
        if stage.validation is None:
            save_published(trainer.model, output, weights=weights)
        else:
            best.publish(Path(stage.request.scratch), output)
        stage.tokenizer.save_pretrained(output)
        types = sorted({name for sentence in stage.sentences for name in sentence.types})
        describe(output, _description(stage.request, types))
        (output / JOURNAL).write_text("".join(f"{json.dumps(line)}\n" for line in journal))
        write_json(output / SUMMARY, summary)
    except Exception as error:
        if not disk_is_full(error, output):
            raise
        reason = " ".join(str(error).split())
        raise InputError(
            f"{output}: cannot be written ({reason}); free some space and give the same command: "
            f"it goes on from {_kept(Path(stage.request.scratch))}"
        ) from error


def _description(request: TrainRequest, types: list[str]) -> Description:
    system = request.system
    return Description(
        version=VERSION,
        backbone=request.backbone,
        target=system.target if isinstance(system, GnerSystem) else None,
        system=None if isinstance(system, GnerSystem) else system,
        types=tuple(types),
    )


def _kept(scratch: Path) -> str:
    found = checkpoints(scratch)
    return f"the checkpoint of update {update_of(found[-1])}" if found else "the beginning"


def _try_writing(folder: Path) -> None:
    try:
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({error.strerror}); nothing was trained"
        ) from None


def main(path: str) -> None:
    """Run as a worker or, where a launcher says so, as one of its ranks."""
    rank = os.environ.get("RANK")
    if rank is None:
        run_worker(path, TrainRequest, start)
    request = TrainRequest.model_validate_json(Path(path).read_text())
    end_with(Path(request.scratch) / LIFELINE)
    if rank == "0":
        run_worker(path, TrainRequest, _rank, result_name=RANK_RESULT)
    _rank(request, lambda *_, **__: None)  # rank 0 reports


if __name__ == "__main__":
    main(sys.argv[1])
