"""The plain baseline that `gner bench train` measures against: transformers' Trainer as it comes.

Random micro-batches padded to their longest sentence, logits and loss at every position, no
shared prefixes. Model, frozen layers, optimizer, number format and micro-batch size are the
stage's own, and tokenization is done beforehand.
"""

import random
from collections.abc import Sequence
from typing import Any

from transformers import DataCollatorForSeq2Seq, Trainer, TrainerCallback

from gner_core.training.data.batches import Update
from gner_core.training.data.examples import IGNORED
from gner_core.training.stage import Stage


def shuffled(updates: Sequence[Update], *, seed: int) -> list[Update]:
    """Return the updates with their sentences in random order, as they meet without grouping."""
    mixed = []
    for number, update in enumerate(updates):
        places = list(update)
        random.Random(f"plain/{seed}/{number}").shuffle(places)
        mixed.append(places)
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
            _row(stage.examples[place], family) for update in stage.updates for place in update
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
