"""Callbacks of a training: they report its figures, stop one that diverges, and obey SIGTERM."""

import math
import signal
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from gner_core.backbones.load import peak_memory_bytes
from gner_core.errors import InputError
from gner_core.runtime.log import say
from gner_core.runtime.worker import Report
from gner_core.training.checkpoints.resume import checkpoints, update_of
from gner_core.training.data.validation import VALIDATION_LOSS
from gner_core.training.launch.lifeline import STOP
from gner_core.training.trainer import any_device

WINDOW = 20  # updates whose mean loss is compared
CHECKED = {
    "loss": "the loss",
    "grad_norm": "the norm of the gradients",
    VALIDATION_LOSS: "the validation loss",
}


@dataclass(frozen=True, slots=True)
class Load:
    """The tokens of a weight update, over all devices."""

    tokens: int
    label_tokens: int
    padding: int
    """Positions without a token."""


def journal_lines(log_history: Sequence[dict[str, Any]]) -> list[dict[str, float]]:
    """Return the kept figures of a Trainer's log, one line per update."""
    lines: dict[int, dict[str, float]] = {}
    for entry in log_history:
        if "loss" in entry or VALIDATION_LOSS in entry:
            line = journal_line(entry)
            lines.setdefault(int(line["step"]), {}).update(line)
    return list(lines.values())


def journal_line(entry: dict[str, Any]) -> dict[str, float]:
    """Return the kept figures of one entry of a Trainer's log."""
    names = ("loss", "learning_rate", "grad_norm", VALIDATION_LOSS)  # ZeRO 0 knows no norm
    known = {name: float(entry[name]) for name in names if entry.get(name) is not None}
    return {"step": entry["step"], **known}


class Journal(TrainerCallback):
    """Reports every weight update and stops a training that diverges."""

    def __init__(
        self, report: Report, loads: Sequence[Load], *, scratch: Path, diverged_factor: float
    ) -> None:
        """Bind a plan; a mean loss of `diverged_factor` times the lowest stops the training."""
        self.report = report
        self.loads = loads
        self.scratch = scratch
        self.diverged_factor = diverged_factor
        self.attempt_started = self.update_started = 0.0
        self.first = 0  # update of this attempt
        self.report_failed = False
        self.recent: deque[float] = deque(maxlen=WINDOW)
        self.lowest = math.inf

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Start from the losses of earlier attempts."""
        self.attempt_started = time.monotonic()
        for entry in state.log_history:
            if "loss" in entry:
                self._mean_with(entry["loss"])

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Start the clock of an update."""
        self.update_started = time.monotonic()

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Check and report an update; its checkpoint is written only after this."""
        entry = state.log_history[-1]
        if "loss" not in entry and VALIDATION_LOSS not in entry:
            return
        line = journal_line(entry)
        step = int(line.pop("step"))
        self._check(step, line)
        if "loss" in line:
            line |= self._figures(step, state.max_steps)
        if state.is_world_process_zero:
            self._send(step, state.max_steps, line)

    def _figures(self, step: int, total: int) -> dict[str, float]:
        load, now = self.loads[step - 1], time.monotonic()
        seconds = now - self.update_started
        self.first = self.first or step
        pace = (now - self.attempt_started) / (step - self.first + 1)
        return {
            "seconds_left": round(pace * (total - step), 1),
            "tokens_per_second": round(load.tokens / seconds, 1),
            "label_tokens_per_second": round(load.label_tokens / seconds, 1),
            "padding_share": round(load.padding / (load.padding + load.tokens), 4),
            "memory_gb": round(peak_memory_bytes() / 1e9, 2),
        }

    def _send(self, step: int, total: int, figures: dict[str, float]) -> None:
        try:
            self.report(step, total, **figures)
            self.report_failed = False
        except OSError as error:  # a full disk; the figures stay in the Trainer's state
            if not self.report_failed:
                say(f"progress cannot be written ({error}); training goes on")
            self.report_failed = True

    def _check(self, step: int, line: dict[str, float]) -> None:
        for name, what in CHECKED.items():
            if not math.isfinite(line.get(name, 0.0)):
                raise InputError(f"update {step}: {what} is {line[name]}; {self._advice()}")
        mean = self._mean_with(line["loss"]) if "loss" in line else 0.0
        if mean > self.diverged_factor * self.lowest:
            raise InputError(
                f"update {step}: the loss runs away: {mean:.4g} over the last {WINDOW} updates, "
                f"{self.lowest:.4g} at its lowest; {self._advice()}"
            )

    def _mean_with(self, loss: float) -> float:
        """Add a loss; return the mean of the last WINDOW, or 0 while there are fewer."""
        self.recent.append(loss)
        if len(self.recent) < WINDOW:
            return 0.0
        mean = sum(self.recent) / WINDOW
        self.lowest = min(self.lowest, mean)
        return mean

    def _advice(self) -> str:
        found = checkpoints(self.scratch)
        kept = "there is no checkpoint yet"
        if found:
            kept = f"the checkpoint of update {update_of(found[-1])} stays in {found[-1]}"
        return f"training stopped, {kept}; try a lower learning_rate or max_grad_norm"


class StopOnSignal(TrainerCallback):
    """On SIGTERM, or a file `stop`, ends the training on all devices with a checkpoint."""

    def __init__(self, scratch: Path) -> None:
        self.file = scratch / STOP
        self.requested = False
        self.stopped = False

    def __enter__(self) -> Self:
        self.before = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, self._request)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self.before)

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.requested = True

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Stop all devices after this update if one of them has a request."""
        requested = any_device(self.requested or self.file.exists(), args.device)
        if requested and state.global_step < state.max_steps:
            self.stopped = True
            control.should_save = True
            control.should_training_stop = True
