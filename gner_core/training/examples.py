"""Training examples, drawn anew in each epoch, and their tensors.

Owns class order shuffling and external types per sentence and epoch (§4.2), the check against
the backbone's limits, and padding. Does not own the order of batches (`training.batches`).

Example:
    examples = Examples(sentences, encoder, train_params)
    lengths = examples.lengths()
    batch = collate([examples[(0, 3)], examples[(0, 7)]], family="decoder_only", pad=0)
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch.utils.data import Dataset

from gner_core.backbones.encode import Encoder, Example, shared_prefix
from gner_core.errors import InputError
from gner_core.params import TrainParams
from gner_core.records import Sentence
from gner_core.schemas.prompts import TypePool, shuffled

IGNORED = -100  # label of positions that carry no loss
Batch = dict[str, torch.Tensor]


class Examples(Dataset[Example]):
    """The examples of a training stage, addressed by (epoch, index of the sentence)."""

    def __init__(
        self, sentences: Sequence[Sentence], encoder: Encoder, params: TrainParams
    ) -> None:
        """Bind sentences to the way in which they are asked for."""
        self.sentences = sentences
        self.encoder = encoder
        self.params = params
        self.pool = TypePool.of(sentences)

    def types(self, place: tuple[int, int]) -> tuple[str, ...]:
        """Return the types in the prompt of a sentence in an epoch, in their order."""
        epoch, index = place
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
        """Return the number of sentences."""
        return len(self.sentences)

    def __getitem__(self, place: tuple[int, int]) -> Example:
        """Return the example of (epoch, index)."""
        sentence = self.sentences[place[1]]
        return self.encoder.example(sentence.words, sentence.tags, self.types(place))

    def lengths(self) -> list[list[int]]:
        """Return per epoch and sentence the number of tokens, 0 for those over the limits.

        Raises:
            InputError: for a sentence over the limits where `too_long` is "error", or when no
                sentence is left.
        """
        table = [
            [self._length((e, i)) for i in range(len(self))] for e in range(self.params.epochs)
        ]
        if not any(map(any, table)):
            raise InputError("every training sentence is over the backbone's token limits")
        return table

    def _length(self, place: tuple[int, int]) -> int:
        example = self[place]
        if self.encoder.fits(example):
            return len(example.source) + len(example.target)
        if self.params.too_long == "error":
            raise InputError(
                f"{self.sentences[place[1]].id}: prompt {len(example.source)} and target "
                f"{len(example.target)} tokens are over the backbone's limits; "
                "set too_long: drop, or cut_at_words in the corpus"
            )
        return 0


def collate(
    examples: Sequence[Example], *, family: Literal["encoder_decoder", "decoder_only"], pad: int
) -> Batch:
    """Pad examples into tensors of shape (examples, tokens).

    decoder_only: `prefix` holds the tokens with which all prompts begin, once; `input_ids` the
    rest, padded on the left, so that all targets end in the last column.
    """
    if family == "encoder_decoder":
        sources = [example.source for example in examples]
        return {
            "input_ids": _pad(sources, pad, left=False),
            "attention_mask": _pad([[1] * len(row) for row in sources], 0, left=False),
            "labels": _pad([example.target for example in examples], IGNORED, left=False),
        }
    shared = shared_prefix([example.source for example in examples])
    rows = [example.source[shared:] + example.target for example in examples]
    targets = [[IGNORED] * (len(e.source) - shared) + e.target for e in examples]
    mask = _pad([[1] * len(row) for row in rows], 0, left=True)
    return {
        "prefix": torch.tensor([examples[0].source[:shared]]),
        "input_ids": _pad(rows, pad, left=True),
        "attention_mask": torch.cat([torch.ones((len(rows), shared), dtype=torch.long), mask], 1),
        "labels": _pad(targets, IGNORED, left=True),
    }


def _pad(rows: Sequence[Sequence[int]], value: int, *, left: bool) -> torch.Tensor:
    width = max(len(row) for row in rows)
    padded = []
    for row in rows:
        filling = [value] * (width - len(row))
        padded.append([*filling, *row] if left else [*row, *filling])
    return torch.tensor(padded)
