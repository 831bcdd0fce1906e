"""gner: the model decides the label of every word."""

from collections import Counter
from collections.abc import Sequence

from gner_core.backbones.encoder import Encoder
from gner_core.config.reading.defaults import defaults
from gner_core.generation.guided.decoding import GuidedGenerator, GuidedQuery
from gner_core.predicting.finders.finder import Asked, Found
from gner_core.records import confidence_of, spans_of
from gner_core.systems.gner.prompts import other_orders


class LabelFinder:
    """Finds entities by guided decoding; an answer has no faults."""

    rated = True

    def __init__(self, encoder: Encoder, generator: GuidedGenerator, *, orders: int) -> None:
        """Bind a model; `orders` of the types are tried for each window, the given one first."""
        self.encoder = encoder
        self.generator = generator
        self.orders = orders
        self.seed: int = defaults()["decode"]["seed"]

    def fits(self, words: Sequence[str], types: Sequence[str]) -> bool:
        """Say whether prompt and labels are within the limits of the model."""
        (prompt,) = self.encoder.prompts([(words, types)])
        return self.generator.fits(words, len(prompt))

    def size(self, words: Sequence[str], types: Sequence[str]) -> int:  # noqa: ARG002
        """Return the tokens that are written, at least."""
        return self.orders * self.encoder.target_length(words, ["O"] * len(words))

    def expect(self, lists: Sequence[tuple[str, ...]]) -> None:
        """Keep the beginnings of prompts with these types."""
        self.generator.expect(one for types in lists for one in (types, *self._others(types)))

    def __call__(self, asked: Sequence[Asked]) -> list[Found]:
        """Return the entities with the product of the probabilities of their labels."""
        answers = self.generator(
            [GuidedQuery(tuple(words), types, self._others(types)) for words, types in asked]
        )
        return [
            Found(
                {span: confidence_of(span, one.probabilities) for span in spans_of(one.tags)},
                Counter(),
            )
            for one in answers
        ]

    def _others(self, types: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """Return the further orders in which types are tried."""
        return other_orders(types, count=self.orders - 1, seed=self.seed)
