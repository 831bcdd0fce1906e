"""Tiny models of both families, made once, with a tokenizer learned from demo sentences."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import pytest

from gner_core.config.backbone import BackboneParams
from gner_core.config.execution import ExecutionParams
from gner_core.config.reading.defaults import defaults
from gner_core.config.reading.files import read_experiment
from gner_core.config.training import TrainParams
from gner_core.corpora.prepare import corpus_folder, stream_split
from gner_core.records import Sentence

Family = Literal["encoder_decoder", "decoder_only"]


@dataclass(frozen=True)
class TinyModel:
    """A folder with weights and tokenizer, and the parameters that go with it."""

    folder: Path
    backbone: BackboneParams


@pytest.fixture(scope="session")
def news(root: Path) -> list[Sentence]:
    """Twenty-four sentences of the demo corpus `news`."""
    corpus = read_experiment(root / "params" / "demo.yaml", overrides=[]).corpora["news"]
    folder = corpus_folder("package")
    return list(stream_split("news", corpus, split="train", folder=folder, repairs=Counter()))[:24]


def backbone(family: Family) -> BackboneParams:
    """Parameters of a random model with two layers."""
    encoder_decoder = family == "encoder_decoder"
    return BackboneParams.model_validate(
        {
            "name": "tiny",
            "parameters": 1,
            "family": family,
            "source": {
                "kind": "random",
                "architecture": "t5" if encoder_decoder else "llama",
                "hidden": 32,
                "layers": 2,
                "vocabulary": 500,
                "seed": 1,
            },
            "prompt_before": "" if encoder_decoder else "[INST] ",
            "prompt_after": "" if encoder_decoder else " [/INST] ",
            "max_source_tokens": 640,
            "max_target_tokens": 400,
            "dtype": "float32",
        }
    )


@pytest.fixture(scope="session")
def tiny_of(
    tmp_path_factory: pytest.TempPathFactory, news: list[Sentence]
) -> Callable[[Family], TinyModel]:
    """Make the random model of a family, once."""
    from gner_core.backbones.importing import import_backbone
    from gner_core.systems.gner.prompts import prompt
    from gner_core.systems.gner.targets import BIO, target

    texts = [f"{prompt(s.words, s.types, BIO)} {target(s.words, s.tags, BIO)}" for s in news]

    @cache
    def make(family: Family) -> TinyModel:
        params, folder = backbone(family), tmp_path_factory.mktemp(family)
        import_backbone(params, folder=folder, texts=texts)
        return TinyModel(folder, params)

    return make


@pytest.fixture(scope="session", params=["encoder_decoder", "decoder_only"])
def tiny_model(request: pytest.FixtureRequest, tiny_of: Callable[[Family], TinyModel]) -> TinyModel:
    """A random T5, then a random LLaMA."""
    return tiny_of(request.param)


@pytest.fixture(scope="session")
def tiny_llama(tiny_of: Callable[[Family], TinyModel]) -> TinyModel:
    """The random LLaMA, for what does not depend on the family."""
    return tiny_of("decoder_only")


@pytest.fixture(scope="session")
def recipe() -> TrainParams:
    """A short training."""
    return TrainParams(
        epochs=2,
        global_batch=8,
        length_window=1,
        learning_rate=1e-3,
        schedule="linear",
        warmup_share=0.2,
        weight_decay=0.01,
        max_grad_norm=1.0,
        too_long="drop",
        external_types="all",
        frozen_layers=0,
        lora=None,
        seed=3,
    )


@pytest.fixture(scope="session")
def execution() -> ExecutionParams:
    """On one CPU core, in micro-batches of four, with a checkpoint every other update."""
    changes = {"train_batch": 4, "generate_batch": 4, "checkpoint_every": 2, "threads": 1}
    return ExecutionParams.model_validate({**defaults()["execution"], **changes})
