"""The lean form through a training, generation in both modes, and prediction."""

from pathlib import Path
from typing import Literal

import pytest

import gner_core
from gner_core.config.checkpoint import VERSION, Description, description_of
from gner_core.config.systems.any import DecodeParams
from gner_core.config.systems.gner import GnerSystem, MatchParams
from gner_core.generation.job import GenerateRequest
from gner_core.generation.worker import work as generate
from gner_core.matching.modes import Matcher
from gner_core.records import Prediction, Sentence, is_bio, read_predictions
from gner_core.reports.card.facts import CardFacts
from gner_core.reports.card.text import write_card
from gner_core.systems.gner.targets import LEAN, target
from gner_core.training.worker import work
from tests.gner_core.conftest import TinyModel
from tests.gner_core.training.conftest import Ask, silent

SYSTEM = GnerSystem.writing(LEAN)
TEXT = "Ada Lovelace flew to Rome (Italy), in 1843."


@pytest.fixture
def trained(tiny_model: TinyModel, ask: Ask, tmp_path: Path, news: list[Sentence]) -> Path:
    request = ask(tiny_model, sentences=news[:8], train={"epochs": 1})
    work(request.model_copy(update={"system": SYSTEM}), silent)
    return tmp_path / "out"


def generated(
    checkpoint: Path, mode: Literal["free", "guided"], *, beams: int = 1
) -> list[Prediction]:
    place = checkpoint.parent / f"{mode}-{beams}"
    place.mkdir()
    request = GenerateRequest(
        output=str(place),
        scratch=str(place),
        threads=1,
        backbone=description_of(checkpoint).backbone,
        system=SYSTEM,
        decode=DecodeParams(mode=mode, beams=beams, too_long="skip", seed=1),
        model=str(checkpoint),
        sentences=str(checkpoint.parent / "s.parquet"),
        batch=4,
        batch_tokens=100_000,
        processes=1,
        exact=True,
    )
    generate(request, silent)
    return read_predictions(place / "predictions.parquet")


def test_a_lean_checkpoint_generates_and_predicts(trained: Path) -> None:
    about = description_of(trained)
    assert about.target == LEAN
    match = Matcher(MatchParams(mode="gner", back_tokenization=False), LEAN, back={})
    for beams in (1, 2):
        for one in generated(trained, "guided", beams=beams):
            assert one.decided is not None
            assert one.text == target(one.words, one.decided, LEAN)
            assert match(one.words, one.types, one.text).tags == one.decided
    for one in generated(trained, "free"):
        assert is_bio(match(one.words, one.types, one.text).tags)
    model = gner_core.load(trained)
    found = model.predict(TEXT, ["person", "city"])
    assert all(TEXT[one.start : one.end] == one.text for one in found)
    assert all(0 < (one.confidence or 0) <= 1 for one in found)


def test_its_card_shows_its_prompt_and_what_it_writes(tiny_llama: TinyModel) -> None:
    about = Description(version=VERSION, backbone=tiny_llama.backbone, target=LEAN, types=("city",))
    shown = write_card(
        about, CardFacts(stages=None), title="x", where="a/b", licence="unknown", scores=()
    )
    assert "such as `Ada(B-person) waves` for *Ada waves*" in shown
    assert "Copy the sentence and label the words of each entity" in shown
