"""Training examples, drawn anew in each epoch, and their tensors."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch.utils.data import Dataset

from gner_core.backbones.encoder import Encoder, Example, shared_prefix
from gner_core.config.training import TrainParams
from gner_core.errors import InputError
from gner_core.records import Sentence
from gner_core.systems.gner.prompts import TypePool, shuffled
from gner_core.training.data.batches import ExampleKey

IGNORED = -100  # label of positions that carry no loss
Batch = dict[str, torch.Tensor]


class Examples(Dataset[Example]):
    """The examples of a training stage, addressed by (epoch, index of the sentence)."""

    def __init__(
        self, sentences: Sequence[Sentence], encoder: Encoder, params: TrainParams
    ) -> None:
        self.sentences = sentences
        self.encoder = encoder
        self.params = params
        self.pool = TypePool.of(sentences)

    def types(self, key: ExampleKey) -> tuple[str, ...]:
        """Return the types in the prompt of a sentence in an epoch, in order."""
        epoch, index = key
        sentence, seed = self.sentences[index], self.params.seed
        types = sentence.types
        if self.params.external_types != "all":
            rate = self.params.external_types
            present = dict.fromkeys(tag[2:] for tag in sentence.tags if tag != "O")
            types = tuple(present) + self.pool.external(
                tuple(present), rate=rate, seed=seed, epoch=epoch, sentence_id=sentence.id
            )
        return shuffled(types, seed=seed, epoch=epoch, sentence_id=sentence.id)

    def __len__(self) -> int:
        return len(self.sentences)

    def __getitem__(self, key: ExampleKey) -> Example:
        epoch, index = key
        counted = index >= 0
        index = index if counted else ~index
        sentence = self.sentences[index]
        example = self.encoder.example(sentence.words, sentence.tags, self.types((epoch, index)))
        return example if counted else replace(example, counted=False)

    def lengths(self) -> list[list[tuple[int, int]]]:
        """Return per epoch and sentence the tokens of prompt and target; (0, 0) leaves it out.

        Raises:
            InputError: for a sentence over the limits where `too_long` is "error", or when no
                sentence is left.
        """
        targets = [self.encoder.target_length(s.words, s.tags) for s in self.sentences]
        table = [self._epoch_lengths(epoch, targets) for epoch in range(self.params.epochs)]
        if not any(target for row in table for _, target in row):
            raise InputError("every training sentence is over the backbone's token limits")
        return table

    def _epoch_lengths(self, epoch: int, targets: list[int]) -> list[tuple[int, int]]:
        pairs = ((s.words, self.types((epoch, i))) for i, s in enumerate(self.sentences))
        row = []
        for index, source in enumerate(self.encoder.prompt_lengths(pairs)):
            fits = self.encoder.backbone.fits(source, targets[index])
            if not fits and self.params.too_long == "error":
                raise InputError(
                    f"{self.sentences[index].id}: prompt {source} and target {targets[index]} "
                    "tokens are over the backbone's limits; "
                    "set too_long: drop, or cut_at_words in the corpus"
                )
            row.append((source, targets[index]) if fits else (0, 0))
        return row


def collate(
    examples: Sequence[Example],
    *,
    family: Literal["encoder_decoder", "decoder_only"],
    pad: int,
    share_prefix: bool,
) -> Batch:
    """Pad examples into tensors of shape (examples, tokens).

    decoder_only: with `share_prefix`, `prefix` holds the tokens with which all prompts begin, once.
    `input_ids` holds the rest, padded on the left, so that all targets end in the last column.
    """
    targets = [e.target if e.counted else [IGNORED] * len(e.target) for e in examples]
    if family == "encoder_decoder":
        sources = [example.source for example in examples]
        return {
            "input_ids": _pad(sources, pad, left=False),
            "attention_mask": _pad([[1] * len(row) for row in sources], 0, left=False),
            "labels": _pad(targets, IGNORED, left=False),
        }
    shared = shared_prefix([example.source for example in examples]) if share_prefix else 0
    rows = [example.source[shared:] + example.target for example in examples]
    labels = [
        [IGNORED] * (len(example.source) - shared) + target
        for example, target in zip(examples, targets, strict=True)
    ]
    mask = _pad([[1] * len(row) for row in rows], 0, left=True)
    return {
        "prefix": torch.tensor([examples[0].source[:shared]], dtype=torch.long),
        "input_ids": _pad(rows, pad, left=True),
        "attention_mask": torch.cat([torch.ones((len(rows), shared), dtype=torch.long), mask], 1),
        "labels": _pad(labels, IGNORED, left=True),
    }


def _pad(rows: Sequence[Sequence[int]], value: int, *, left: bool) -> torch.Tensor:
    width = max(len(row) for row in rows)
    padded = []
    for row in rows:
        padding = [value] * (width - len(row))
        padded.append([*padding, *row] if left else [*row, *padding])
    return torch.tensor(padded)
