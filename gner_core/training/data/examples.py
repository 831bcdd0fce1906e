"""Training examples, drawn anew in each epoch, and their tensors."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Self

import torch
from torch.utils.data import Dataset

from gner_core.backbones.encoder import Encoder
from gner_core.backbones.tokens import Example, Tokens, shared_prefix
from gner_core.config.training import TrainParams
from gner_core.errors import InputError
from gner_core.records import Sentence
from gner_core.systems.gner.prompts import TypePool, shuffled
from gner_core.training.data.batches import ExampleKey, PassShape

IGNORED = -100  # label of positions that carry no loss
Batch = dict[str, torch.Tensor]


class Examples(Dataset[Example], ABC):
    """The examples of a training stage, addressed by (epoch, index of the example).

    The types of a sentence depend on sentences, params and epoch alone: they are the same for
    every system.
    """

    def __init__(self, sentences: Sequence[Sentence], tokens: Tokens, params: TrainParams) -> None:
        self.sentences = sentences
        self.tokens = tokens
        self.params = params
        self.pool = TypePool.of(sentences)

    @abstractmethod
    def on(self, sentences: Sequence[Sentence], params: TrainParams) -> Self:
        """Return the examples of other sentences, for the same model."""

    @abstractmethod
    def example(self, key: ExampleKey) -> Example:
        """Return the example of an epoch with an index of at least 0."""

    @abstractmethod
    def sized(self, epoch: int) -> Iterator[tuple[str, int, int]]:
        """Yield per example of an epoch the id of its sentence, and its tokens without and with loss."""

    def types(self, epoch: int, index: int) -> tuple[str, ...]:
        """Return the types in the prompt of a sentence in an epoch, in order."""
        return drawn_types(self.sentences[index], self.pool, self.params, epoch=epoch)

    def __len__(self) -> int:
        return len(self.sentences)

    def __getitem__(self, key: ExampleKey) -> Example:
        epoch, index = key
        counted = index >= 0
        example = self.example((epoch, index if counted else ~index))
        return example if counted else replace(example, counted=False)

    def lengths(self) -> list[list[tuple[int, int]]]:
        """Return per epoch and example the tokens without and with loss; (0, 0) leaves it out.

        Raises:
            InputError: for a sentence over the limits where `too_long` is "error", or when no
                sentence is left.
        """
        table = [self._epoch_lengths(epoch) for epoch in range(self.params.epochs)]
        if not any(target for row in table for _, target in row):
            raise InputError("every training sentence is over the backbone's token limits")
        return table

    def _epoch_lengths(self, epoch: int) -> list[tuple[int, int]]:
        row = []
        for name, source, target in self.sized(epoch):
            fits = self.tokens.backbone.fits(source, target)
            if not fits and self.params.too_long == "error":
                raise InputError(
                    f"{name}: prompt {source} and target {target} tokens are over the backbone's "
                    "limits; set too_long: drop, or cut_at_words in the corpus"
                )
            row.append((source, target) if fits else (0, 0))
        return row


def drawn_types(
    sentence: Sentence, pool: TypePool, params: TrainParams, *, epoch: int
) -> tuple[str, ...]:
    """Return the types that a sentence is trained with in an epoch, in the order of the prompt."""
    seed, types = params.seed, sentence.types
    if params.external_types != "all":
        present = tuple(dict.fromkeys(tag[2:] for tag in sentence.tags if tag != "O"))
        types = present + pool.external(
            present,
            rate=params.external_types,
            seed=seed,
            epoch=epoch,
            sentence_id=sentence.id,
        )
    if params.type_order == "alphabetical":
        return tuple(sorted(types))
    return shuffled(types, seed=seed, epoch=epoch, sentence_id=sentence.id)


class GnerExamples(Examples):
    """One example a sentence: gner's prompt and target."""

    def __init__(
        self, sentences: Sequence[Sentence], encoder: Encoder, params: TrainParams
    ) -> None:
        super().__init__(sentences, encoder, params)
        self.encoder = encoder

    def on(self, sentences: Sequence[Sentence], params: TrainParams) -> Self:
        """Return the examples of other sentences, for the same model."""
        return type(self)(sentences, self.encoder, params)

    def example(self, key: ExampleKey) -> Example:
        """Return the example of a sentence in an epoch."""
        sentence = self.sentences[key[1]]
        return self.encoder.example(sentence.words, sentence.tags, self.types(*key))

    def sized(self, epoch: int) -> Iterator[tuple[str, int, int]]:
        """Yield per sentence its id, and the tokens of its prompt and of its target."""
        pairs = ((s.words, self.types(epoch, i)) for i, s in enumerate(self.sentences))
        sources = self.encoder.prompt_lengths(pairs)
        for sentence, source, target in zip(self.sentences, sources, self._targets, strict=True):
            yield sentence.id, source, target

    @cached_property
    def _targets(self) -> list[int]:
        return [self.encoder.target_length(s.words, s.tags) for s in self.sentences]


def collate_passes(
    examples: Sequence[Example], *, pad: int, share_prefix: bool, shape: PassShape
) -> list[Batch]:
    """Return a micro-batch as the tensors of its forward passes."""
    cut = shape.cut([example.lengths for example in examples])
    return [
        collate(examples[rows], pad=pad, share_prefix=share_prefix, shape=shape) for rows in cut
    ]


def collate(
    examples: Sequence[Example],
    *,
    pad: int,
    share_prefix: bool,
    shape: PassShape,
) -> Batch:
    """Pad examples into tensors of shape (examples, width).

    Decoder-only: with `share_prefix`, `prefix` holds the tokens with which all prompts begin, once.
    `input_ids` holds the rest. It needs no mask: padding stands on the right, where no token sees it.
    """
    targets = [example.labels(IGNORED) for example in examples]
    if shape.encoder_decoder:
        sources = [example.source for example in examples]
        return {
            "input_ids": _pad(sources, pad, shape),
            "attention_mask": _pad([[1] * len(row) for row in sources], 0, shape),
            "labels": _pad(targets, IGNORED, shape),
        }
    shared = shared_prefix([example.source for example in examples]) if share_prefix else 0
    rows = [example.source[shared:] + example.target for example in examples]
    labels = [
        [IGNORED] * (len(example.source) - shared) + target
        for example, target in zip(examples, targets, strict=True)
    ]
    return {
        "prefix": torch.tensor([examples[0].source[:shared]], dtype=torch.long),
        "input_ids": _pad(rows, pad, shape),
        "labels": _pad(labels, IGNORED, shape),
    }


def _pad(rows: Sequence[Sequence[int]], value: int, shape: PassShape) -> torch.Tensor:
    width = shape.width(map(len, rows))
    return torch.tensor([[*row, *[value] * (width - len(row))] for row in rows])
