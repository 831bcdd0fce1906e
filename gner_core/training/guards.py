"""Watches a training: its figures per weight update, its health, and the wish to stop it."""

import math
import resource
import signal
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from gner_core.errors import InputError
from gner_core.runtime.log import say
from gner_core.runtime.worker import Report
from gner_core.training.checkpoints.unfinished import checkpoints, update_of
from gner_core.training.data.validation import VALIDATION_LOSS
from gner_core.training.launch.lifeline import STOP
from gner_core.training.trainer import any_device

WINDOW = 20  # updates whose mean loss is compared
JUDGED = {
    "loss": "the loss",
    "grad_norm": "the norm of the gradients",
    VALIDATION_LOSS: "the validation loss",
}


@dataclass(frozen=True, slots=True)
class Load:
    """What a weight update computes, over all devices."""

    tokens: int
    label_tokens: int
    filling: int
    """Padded tokens beside `tokens`."""


def journal_lines(log_history: Sequence[dict[str, Any]]) -> list[dict[str, float]]:
    """Return what is kept of a Trainer's log, a line per update: the same in every attempt."""
    lines: dict[int, dict[str, float]] = {}
    for entry in log_history:
        if "loss" in entry or VALIDATION_LOSS in entry:
            line = journal_line(entry)
            lines.setdefault(int(line["step"]), {}).update(line)
    return list(lines.values())


def journal_line(entry: dict[str, Any]) -> dict[str, float]:
    """Return what is kept of one log entry of the Trainer."""
    names = ("loss", "learning_rate", "grad_norm", VALIDATION_LOSS)  # ZeRO 0 knows no norm
    known = {name: float(entry[name]) for name in names if entry.get(name) is not None}
    return {"step": entry["step"], **known}


class Journal(TrainerCallback):
    """Reports every weight update and stops a training that has gone wrong."""

    def __init__(
        self, report: Report, loads: Sequence[Load], *, scratch: Path, diverged_factor: float
    ) -> None:
        """Bind the training's plan.

        Args:
            report: takes the figures of each update.
            loads: per update.
            scratch: where the checkpoints are, for the message of a stop.
            diverged_factor: a mean loss of so many times the lowest one stops the training.
        """
        self.report = report
        self.loads = loads
        self.scratch = scratch
        self.diverged_factor = diverged_factor
        self.clock = self.begun = 0.0
        self.first = 0  # update of this attempt
        self.saving_failed = False
        self.recent: deque[float] = deque(maxlen=WINDOW)
        self.lowest = math.inf

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Take up the losses of earlier attempts."""
        self.begun = time.monotonic()
        for entry in state.log_history:
            if "loss" in entry:
                self._mean_with(entry["loss"])

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Start the clock of an update."""
        self.clock = time.monotonic()

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Judge and report an update. A checkpoint is written after this, never of a bad state."""
        entry = state.log_history[-1]
        if "loss" not in entry and VALIDATION_LOSS not in entry:
            return
        line = journal_line(entry)
        step = int(line.pop("step"))
        self._judge(step, line)
        if "loss" in line:
            line |= self._figures(step, state.max_steps)
        if state.is_world_process_zero:
            self._send(step, state.max_steps, line)

    def _figures(self, step: int, total: int) -> dict[str, float]:
        load, now = self.loads[step - 1], time.monotonic()
        seconds = now - self.clock
        self.first = self.first or step
        pace = (now - self.begun) / (step - self.first + 1)  # of this attempt, with all it does
        return {
            "seconds_left": round(pace * (total - step), 1),
            "tokens_per_second": round(load.tokens / seconds, 1),
            "label_tokens_per_second": round(load.label_tokens / seconds, 1),
            "padding_share": round(load.filling / (load.filling + load.tokens), 4),
            "memory_gb": round(memory_bytes() / 1e9, 2),
        }

    def _send(self, step: int, total: int, figures: dict[str, float]) -> None:
        try:
            self.report(step, total, **figures)
            self.saving_failed = False
        except OSError as error:  # a full disk; the figures stay in the Trainer's state
            if not self.saving_failed:
                say(f"progress cannot be written ({error}); training goes on")
            self.saving_failed = True

    def _judge(self, step: int, line: dict[str, float]) -> None:
        for name, what in JUDGED.items():
            if not math.isfinite(line.get(name, 0.0)):
                raise InputError(f"update {step}: {what} is {line[name]}; {self._advice()}")
        mean = self._mean_with(line["loss"]) if "loss" in line else 0.0
        if mean > self.diverged_factor * self.lowest:
            raise InputError(
                f"update {step}: the loss runs away: {mean:.4g} over the last {WINDOW} updates, "
                f"{self.lowest:.4g} at its lowest; {self._advice()}"
            )

    def _mean_with(self, loss: float) -> float:
        """Return the mean of the last losses, 0 while there are too few."""
        self.recent.append(loss)
        if len(self.recent) < WINDOW:
            return 0.0
        mean = sum(self.recent) / WINDOW
        self.lowest = min(self.lowest, mean)
        return mean

    def _advice(self) -> str:
        found = checkpoints(self.scratch)
        kept = (
            f"the checkpoint of update {update_of(found[-1])} stays in {found[-1]}"
            if found
            else "there is no checkpoint yet"
        )
        return f"training stopped, {kept}; try a lower learning_rate or max_grad_norm"


class StopOnSignal(TrainerCallback):
    """Turns SIGTERM, or a file `stop`, into a checkpoint and an early end on all devices."""

    def __init__(self, scratch: Path) -> None:
        """Watch for a file `stop` in the scratch folder."""
        self.file = scratch / STOP
        self.asked = False
        self.stopped = False

    def __enter__(self) -> Self:
        self.before = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self.before)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Between two updates: stop all devices where one was asked to."""
        asked = any_device(self.asked or self.file.exists(), args.device)
        if asked and state.global_step < state.max_steps:
            self.stopped = True
            control.should_save = True
            control.should_training_stop = True


def memory_bytes() -> int:
    """Return the peak of GPU memory, or of this process' memory where there is no GPU."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
