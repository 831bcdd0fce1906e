"""Training examples of a text system: any number of texts a sentence, drawn anew in each epoch."""

import random
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Self

from gner_core.backbones.text_encoder import TextEncoder
from gner_core.backbones.tokens import Example
from gner_core.config.training import TrainParams
from gner_core.errors import InputError
from gner_core.records import Sentence, spans_of
from gner_core.systems.interface import Piece, TextSystem
from gner_core.training.data.batches import ExampleKey
from gner_core.training.data.examples import Examples


class TextExamples(Examples):
    """The training texts that a system makes of sentences.

    An index counts the texts of an epoch: those of the first sentence, then those of the second.
    """

    def __init__(
        self,
        sentences: Sequence[Sentence],
        encoder: TextEncoder,
        system: TextSystem,
        params: TrainParams,
    ) -> None:
        super().__init__(sentences, encoder, params)
        self.encoder = encoder
        self.system = system

    def on(self, sentences: Sequence[Sentence], params: TrainParams) -> Self:
        """Return the texts of other sentences, for the same model."""
        return type(self)(sentences, self.encoder, self.system, params)

    def example(self, key: ExampleKey) -> Example:
        """Return a text of an epoch."""
        epoch, index = key
        sentence, number = self._places[epoch][index]
        return self._texts(epoch, sentence)[number]

    def sized(self, epoch: int) -> Iterator[tuple[str, int, int]]:
        """Yield per text the id of its sentence, and its tokens without and with loss."""
        for index, sentence in enumerate(self.sentences):
            for text in self._texts(epoch, index):
                yield sentence.id, *text.lengths

    @cached_property
    def _places(self) -> list[list[tuple[int, int]]]:
        """Per epoch and text: the index of its sentence, and which of its texts it is."""
        return [
            [
                (index, number)
                for index in range(len(self.sentences))
                for number in range(len(self._pieces(epoch, index)))
            ]
            for epoch in range(self.params.epochs)
        ]

    def _texts(self, epoch: int, index: int) -> list[Example]:
        try:
            return [
                self.encoder.example(pieces, apart=self.system.pieces_apart)
                for pieces in self._pieces(epoch, index)
            ]
        except InputError as error:
            raise InputError(f"{self.sentences[index].id}: {error}") from None

    def _pieces(self, epoch: int, index: int) -> list[tuple[Piece, ...]]:
        sentence = self.sentences[index]
        draw = random.Random(f"texts/{self.params.seed}/{epoch}/{sentence.id}")
        return self.system.examples(
            sentence.words,
            spans_of(sentence.tags),
            self.types(epoch, index),
            draw,
            epoch=epoch,
        )
