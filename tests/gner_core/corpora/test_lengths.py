"""Token lengths without transformers: the same counts as in training, and what does not fit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from gner_core.config.backbone import BackboneParams
from gner_core.config.reading.files import read_params
from gner_core.config.training import TrainParams
from gner_core.corpora.lengths import Spread, TokenCounter, length_report
from gner_core.errors import InputError
from gner_core.records import Sentence
from gner_core.systems.gner.targets import BIO
from tests.gner_core.conftest import TinyModel


def test_lengths_are_those_of_training(
    tiny_model: TinyModel, news: list[Sentence], recipe: TrainParams
) -> None:
    from gner_core.backbones.encoder import Encoder
    from gner_core.backbones.load import load_tokenizer
    from gner_core.training.data.examples import GnerExamples

    encoder = Encoder(load_tokenizer(tiny_model.folder), tiny_model.backbone, BIO)
    wanted = GnerExamples(news, encoder, recipe.model_copy(update={"epochs": 1})).lengths()[0]
    counter = TokenCounter(tiny_model.folder, tiny_model.backbone, BIO)
    assert list(counter.lengths(news)) == wanted  # the order of types changes no count here


def test_what_does_not_fit_is_counted(tiny_model: TinyModel, news: list[Sentence]) -> None:
    long = Sentence("long", "news", news[0].words * 40, news[0].tags * 40, news[0].types)
    counter = TokenCounter(tiny_model.folder, tiny_model.backbone, BIO)
    report = length_report("news", [*news, long], counter)
    assert (report.sentences, report.over, report.over_target) == (25, 1, 1)
    assert report.prompt.most < report.prompt.longest > 640


def test_percentiles_of_few_numbers() -> None:
    assert Spread.of([3]) == Spread(3.0, 3, 3)
    assert Spread.of(list(range(1, 101))).most == 95


@pytest.fixture
def counted(
    shared: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Count a corpus with T5's tokenizer, as the command does: `counted(corpus, option, …)`."""
    monkeypatch.setenv("GNER_HOME", str(tmp_path))

    def run(*given: str) -> Any:
        command = [
            *("data", "lengths", *given, "--source", str(shared / "datasets"), "--json"),
            *("--backbone", str(root / "params" / "models" / "flan-t5-small.yaml")),
            *("--tokenizer", str(shared / "tokenizers" / "t5")),
        ]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0
        (found,) = json.loads(result.stdout)
        return found

    return run


def test_the_command_counts_one_split(counted: Callable[..., Any]) -> None:
    found = counted("crossner-ai", "--split", "test")
    assert (found["sentences"], found["over"], found["cut"]) == (431, 0, None)
    assert found["prompt"]["mean"] > found["target"]["mean"] > 100


@pytest.mark.slow
def test_passages_over_the_limits_are_cut_in_the_report(counted: Callable[..., Any]) -> None:
    """With T5's tokenizer 1,783 of the 2,217 passages are over its limits, most of them targets."""
    found = counted("pile-ner-sample")
    assert (found["sentences"], found["over"]) == (2217, 1783)
    assert found["cut"]["sentences"] == 6057
    assert found["cut"]["over"] < 60


def test_a_missing_tokenizer_is_named(root: Path, tmp_path: Path) -> None:
    backbone = read_params(BackboneParams, root / "params" / "models" / "flan-t5-small.yaml")
    with pytest.raises(InputError, match=r"give a folder with a tokenizer\.json"):
        TokenCounter(tmp_path, backbone, BIO)
