"""The validation sentences, by whose loss the weights of a training are chosen.

A validation step does not change the training: it draws no random number, and dropout is off. Up
to the order of additions, its loss does not depend on micro-batches or devices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from gner_core.config.training import Choice, ChooseHeldOut, ChooseLast, Interval
from gner_core.records import Sentence
from gner_core.training.data.batches import Update
from gner_core.training.data.examples import Examples

VALIDATION_LOSS = "validation_loss"
"""Name of the figure in the Trainer's log, in metrics.jsonl and in MLflow."""


@dataclass(frozen=True)
class Validation:
    """The validation sentences of a stage and its validation steps."""

    examples: Examples
    lengths: Sequence[tuple[int, int]]
    """Tokens of prompt and target per sentence; (0, 0) leaves it out."""
    steps: frozenset[int]
    """Updates after which the validation loss is computed."""

    @classmethod
    def of(
        cls,
        choice: Choice,
        sentences: Sequence[Sentence],
        training: Examples,
        *,
        updates: Sequence[Update],
    ) -> Self | None:
        """Return the validation of a choice; None where the last weights are chosen.

        Prompts of held-out sentences name types as in training, those of a sample all their types,
        as in a test.

        Raises:
            InputError: for sentences over the limits where `too_long` is "error", or when no
                sentence is left.
        """
        if isinstance(choice, ChooseLast):
            return None
        changes: dict[str, Any] = {"epochs": 1}
        if not isinstance(choice, ChooseHeldOut):
            changes["external_types"] = "all"
        examples = training.on(sentences, training.params.model_copy(update=changes))
        if isinstance(choice, ChooseHeldOut):
            examples.pool = training.pool  # held-out types are not known in training
        return cls(examples, examples.lengths()[0], validation_steps(choice.every, updates))

    @property
    def label_tokens(self) -> int:
        """Tokens over which the loss is a mean."""
        return sum(target for _, target in self.lengths)

    @property
    def update(self) -> Update:
        """All sentences as one update, those with the shortest targets first."""
        kept = [index for index, pair in enumerate(self.lengths) if pair != (0, 0)]
        return [(0, index) for index in sorted(kept, key=lambda index: self.lengths[index][1])]

    def facts(self) -> dict[str, int]:
        """Return the summary's figures of the sentences."""
        return {
            "sentences": len(self.lengths),
            "left_out": sum(pair == (0, 0) for pair in self.lengths),
            "label_tokens": self.label_tokens,
        }


def validation_steps(every: Interval, updates: Sequence[Update]) -> frozenset[int]:
    """Return the updates after which the validation loss is computed; the last one always is.

    An epoch ends with the update that holds its last sentence.
    """
    last = len(updates)
    if every != "epoch":
        return frozenset({*range(every, last + 1, every), last})
    ends = {epoch: number for number, update in enumerate(updates, 1) for epoch, _ in update}
    return frozenset({*ends.values(), last})


def best_so_far(log_history: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the entry of a Trainer's log with the lowest validation loss, the first of equals."""
    entries = [entry for entry in log_history if VALIDATION_LOSS in entry]
    return min(entries, key=lambda entry: entry[VALIDATION_LOSS], default=None)


class ValidateAt(TrainerCallback):
    """Makes the Trainer validate after some updates."""

    def __init__(self, steps: frozenset[int]) -> None:
        self.steps = steps

    def on_step_end(
        self, _args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Request `StageTrainer.evaluate`, which comes before the checkpoint of an update."""
        control.should_evaluate = state.global_step in self.steps
