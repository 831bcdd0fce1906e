"""The baseline of `gner bench train`: transformers' Trainer without changes.

Micro-batches are random and padded to their longest sentence, logits and loss are computed at
every position, and no prefix is shared. Model, frozen layers, optimizer, number format and
micro-batch size are those of the stage; tokenization is done beforehand.
"""

import random
from collections.abc import Sequence
from typing import Any

from transformers import DataCollatorForSeq2Seq, Trainer, TrainerCallback

from gner_core.training.data.batches import Update
from gner_core.training.data.examples import IGNORED
from gner_core.training.stage import Stage


def shuffled(updates: Sequence[Update], *, seed: int) -> list[Update]:
    """Return the updates with their sentences in random order."""
    mixed = [list(update) for update in updates]
    for number, keys in enumerate(mixed):
        random.Random(f"plain/{seed}/{number}").shuffle(keys)
    return mixed


def plain_trainer(stage: Stage, *, micro_batch: int, callbacks: list[TrainerCallback]) -> Trainer:
    """Return a Trainer that sees the sentences of `stage.updates` in that order."""
    arguments = stage.arguments(micro_batch)
    arguments.train_sampling_strategy = "sequential"
    model = stage.model(None)
    family = stage.request.backbone.family
    return Trainer(
        model=model,
        args=arguments,
        train_dataset=[
            _row(stage.examples[key], family) for update in stage.updates for key in update
        ],
        data_collator=DataCollatorForSeq2Seq(stage.tokenizer, model=model),
        callbacks=callbacks,
    )


def _row(example: Any, family: str) -> dict[str, list[int]]:
    if family == "encoder_decoder":
        ids, labels = example.source, example.target
    else:
        ids = example.source + example.target
        labels = [IGNORED] * len(example.source) + example.target
    return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels}
