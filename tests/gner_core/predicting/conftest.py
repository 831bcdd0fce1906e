"""A predictor whose model is a rule, and checkpoints of tiny random models."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from gner_core.backbones.encoder import Encoder
from gner_core.backbones.load import load_tokenizer
from gner_core.config.checkpoint import VERSION, Description, describe
from gner_core.generation.guided.decoding import GuidedAnswer, GuidedQuery
from gner_core.predicting.finders.labels import LabelFinder
from gner_core.predicting.predictor import Predictor
from gner_core.systems.gner.targets import BIO
from tests.gner_core.conftest import TinyModel


class Rule:
    """Runs of capitalised words are entities of the first type; sure of the first word only."""

    def __init__(self, words: int) -> None:
        self.words = words
        self.asked: list[GuidedQuery] = []

    def fits(self, words: Sequence[str], source: int) -> bool:
        return len(words) <= self.words and source <= 4000

    def expect(self, lists: Iterable[tuple[str, ...]]) -> None:
        """Say nothing: a rule has no prompts."""

    def __call__(self, queries: Sequence[GuidedQuery]) -> list[GuidedAnswer]:
        self.asked += queries
        return [self._answer(ask) for ask in queries]

    def _answer(self, ask: GuidedQuery) -> GuidedAnswer:
        tags: list[str] = []
        for word in ask.words:
            before = tags[-1] if tags else "O"
            inside = f"{'B' if before == 'O' else 'I'}-{ask.types[0]}"
            tags.append(inside if word[0].isupper() or word in "東京👨‍👩‍👧‍👦" else "O")
        return GuidedAnswer(tuple(tags), tuple(0.5 if t[0] == "I" else 0.9 for t in tags))


@pytest.fixture
def rule(tiny_model: TinyModel) -> Predictor:
    """A predictor that sees 100 words at a time."""
    encoder = Encoder(load_tokenizer(tiny_model.folder), tiny_model.backbone, BIO)
    description = Description(version=VERSION, backbone=tiny_model.backbone, target=BIO, types=())
    return Predictor(description, LabelFinder(encoder, Rule(100), orders=1), batch=4)


@pytest.fixture
def checkpoint(tiny_model: TinyModel) -> Path:
    """The folder of a tiny model that says of itself what it is."""
    about = Description(
        version=VERSION, backbone=tiny_model.backbone, target=BIO, types=("city", "person")
    )
    describe(tiny_model.folder, about)
    return tiny_model.folder
