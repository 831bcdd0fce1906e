"""The sentences by whose loss the weights of a training are chosen, and when that is looked at.

A validation step changes nothing in the training: it draws no random number, and dropout is off. Its loss
does not depend on micro-batch or number of devices, but for the order of additions.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from gner_core.config.training import Choice, ChooseHeldOut, ChooseLast, Interval
from gner_core.errors import InputError
from gner_core.records import Sentence
from gner_core.training.data.batches import Place, Update, cut_update
from gner_core.training.data.examples import Examples

VALIDATION_LOSS = "validation_loss"
"""Name of the figure in the Trainer's log, in the journal and in MLflow."""


def split_off(
    sentences: Sequence[Sentence], choice: Choice
) -> tuple[list[Sentence], list[Sentence]]:
    """Return the sentences to train on and those that are held out, both in their order.

    Raises:
        InputError: when nothing would be left to train on.
    """
    if not isinstance(choice, ChooseHeldOut):
        return list(sentences), []
    if choice.sentences >= len(sentences):
        raise InputError(
            f"choose.sentences: {choice.sentences} held out of {len(sentences)} leave none to train on"
        )
    draw = random.Random(f"held-out/{choice.seed}")
    taken = set(draw.sample(range(len(sentences)), choice.sentences))
    return (
        [sentence for index, sentence in enumerate(sentences) if index not in taken],
        [sentence for index, sentence in enumerate(sentences) if index in taken],
    )


@dataclass(frozen=True)
class Validation:
    """The validation of one stage."""

    examples: Examples
    lengths: Sequence[tuple[int, int]]
    """Tokens of prompt and target per sentence; (0, 0) leaves it out."""
    marks: frozenset[int]
    """Updates that are followed by a validation step."""

    @classmethod
    def of(
        cls,
        choice: Choice,
        sentences: Sequence[Sentence],
        training: Examples,
        *,
        updates: Sequence[Update],
    ) -> Self | None:
        """Return the validation that a choice asks for; None where it asks for none.

        Held-out sentences are asked as in training, those of a sample for all their types, as in a
        test.

        Raises:
            InputError: for sentences over the limits where `too_long` is "error", or when no
                sentence is left.
        """
        if isinstance(choice, ChooseLast):
            return None
        changes: dict[str, Any] = {"epochs": 1}
        if not isinstance(choice, ChooseHeldOut):
            changes["external_types"] = "all"
        examples = Examples(sentences, training.encoder, training.params.model_copy(update=changes))
        if isinstance(choice, ChooseHeldOut):
            examples.pool = training.pool  # held-out types are not known in training
        return cls(examples, examples.lengths()[0], marks(choice.every, updates))

    @property
    def label_tokens(self) -> int:
        """Tokens over which the loss is a mean."""
        return sum(target for _, target in self.lengths)

    def share_of(self, *, micro_batch: int, devices: int, device: int) -> list[list[Place]]:
        """Return the micro-batches of one device; all devices have equally many."""
        kept = [index for index, pair in enumerate(self.lengths) if pair != (0, 0)]
        places = [(0, index) for index in sorted(kept, key=lambda index: self.lengths[index][1])]
        return cut_update(places, micro_batch=micro_batch, devices=devices)[device::devices]

    def facts(self) -> dict[str, int]:
        """Return what the summary says about the sentences."""
        return {
            "sentences": len(self.lengths),
            "left_out": sum(pair == (0, 0) for pair in self.lengths),
            "label_tokens": self.label_tokens,
        }


def marks(every: Interval, updates: Sequence[Update]) -> frozenset[int]:
    """Return the updates that are followed by a validation step; the last one always is.

    An epoch ends with the update that holds its last sentence.
    """
    last = len(updates)
    if every != "epoch":
        return frozenset({*range(every, last + 1, every), last})
    ends = {place[0]: number for number, update in enumerate(updates, 1) for place in update}
    return frozenset({*ends.values(), last})


@dataclass(frozen=True)
class Chosen:
    """The weights that are published: after which update, and their validation loss."""

    update: int
    loss: float


def best_so_far(log_history: Sequence[dict[str, Any]]) -> Chosen | None:
    """Return the validation step with the lowest loss in a Trainer's log, the first of equals."""
    validated = [
        Chosen(entry["step"], entry[VALIDATION_LOSS])
        for entry in log_history
        if VALIDATION_LOSS in entry
    ]
    return min(validated, key=lambda one: one.loss, default=None)


class ValidationSteps(TrainerCallback):
    """Asks the Trainer for a validation step after the marked updates."""

    def __init__(self, marked: frozenset[int]) -> None:
        """Bind the marks."""
        self.marked = marked

    def on_step_end(
        self, _args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Have `StageTrainer.evaluate` called between the log and the checkpoint of an update."""
        control.should_evaluate = state.global_step in self.marked
