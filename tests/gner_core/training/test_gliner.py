"""Training of GLiNER, where its environment is installed: on an encoder, a decoder, and further."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from transformers import BertConfig, BertModel

from gner_core.config.checkpoint import description_of
from gner_core.config.execution import ExecutionParams
from gner_core.config.systems.gliner import GlinerShape, GlinerSystem
from gner_core.config.training import ChooseLast, TrainParams
from gner_core.errors import InputError
from gner_core.records import Sentence, write_sentences
from gner_core.systems.gliner.engine import Gliner
from gner_core.training.gliner import train_gliner
from gner_core.training.stage import TrainRequest
from tests.gner_core.conftest import TinyModel, backbone
from tests.gner_core.systems.gliner.conftest import (  # noqa: F401  (fixtures)
    params,
    start,
    tiny,
    tokenizer,
)

pytestmark = pytest.mark.slow
Events = list[dict[str, float]]


@pytest.fixture(scope="module")
def system(params: GlinerSystem) -> GlinerSystem:  # noqa: F811
    """A small head, with high rates."""
    shape = GlinerShape(hidden=16, max_width=4, max_words=30, dropout=0.1)
    training = params.training.model_copy(update={"rate": 1e-3, "max_types": 3})
    return params.model_copy(update={"shape": shape, "training": training})


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory, tokenizer: Path) -> Path:  # noqa: F811
    """A folder of a BERT with two layers, as pretrained encoders have."""
    folder = tmp_path_factory.mktemp("encoder")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=700, intermediate_size=64, **sizes)).save_pretrained(folder)
    for file in tokenizer.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


class Training:
    """Trains in folders of its own."""

    def __init__(
        self,
        start: Sequence[str],  # noqa: F811
        system: GlinerSystem,
        recipe: TrainParams,
        execution: ExecutionParams,
    ) -> None:
        self.system, self.recipe = system, recipe
        self.execution = execution.model_copy(update={"checkpoint_every": 4, "keep_checkpoints": 2})
        self.package = str(Path(start[0]).parents[1])

    def __call__(
        self, folder: Path, model: Path, sentences: Sequence[Sentence], *, causal: bool = False
    ) -> tuple[Path, dict[str, Any], Events]:
        """Return where the checkpoint is, the summary and the events."""
        output, scratch = folder / "out", folder / "scratch"
        output.mkdir(parents=True)
        scratch.mkdir(exist_ok=True)
        write_sentences(folder / "sentences.parquet", sentences)
        events: Events = []
        family = {"family": "decoder_only" if causal else "encoder"}
        request = TrainRequest(
            output=str(output),
            scratch=str(scratch),
            threads=1,
            backbone=backbone("decoder_only").model_copy(update=family),
            system=self.system,
            train=self.recipe,
            model=str(model),
            sentences=str(folder / "sentences.parquet"),
            choose=ChooseLast(kind="last"),
            validation=None,
            execution=self.execution,
            package=self.package,
        )

        def report(done: int, total: int, **figures: float) -> None:
            events.append({"done": done, "total": total, **figures})

        summary = train_gliner(request, self.system, report)["summary"]
        return output, summary, events


@pytest.fixture
def training(
    start: Sequence[str],  # noqa: F811
    system: GlinerSystem,
    recipe: TrainParams,
    execution: ExecutionParams,
) -> Training:
    return Training(start, system, recipe, execution)


def test_an_encoder_becomes_a_checkpoint_that_answers(
    tmp_path: Path,
    start: Sequence[str],  # noqa: F811
    encoder: Path,
    news: list[Sentence],
    training: Training,
) -> None:
    long = Sentence("long", "news", ("word",) * 31, ("O",) * 31, ("person",))
    output, summary, events = training(tmp_path, encoder, [*news, long])
    assert [event["done"] for event in events if "loss" in event] == [1, 2, 3, 4, 5, 6]
    assert (summary["updates"], summary["sentences"], summary["left_out"]) == (6, 25, 1)
    assert len((output / "metrics.jsonl").read_text().splitlines()) == 6
    assert description_of(output).trained_for == training.system
    assert not [file for file in output.iterdir() if file.suffix == ".bin"]
    assert str(encoder) not in (output / "gliner_config.json").read_text()
    how = {"batch": 4, "threads": 1, "dtype": "float32", "too_long": "skip"}
    with Gliner(training.system, model=output, start=start, **how) as engine:
        assert engine.facts["most_words"] == 30
        outputs = engine.answer(news)
    assert all("candidates" in json.loads(one) for (one,) in outputs)


def test_a_training_that_was_stopped_ends_with_the_same_weights(
    tmp_path: Path, encoder: Path, news: list[Sentence], training: Training
) -> None:
    through, *_ = training(tmp_path / "through", encoder, news)
    kept, begun = (tmp_path / name / "scratch" / "checkpoints" for name in ("through", "stopped"))
    assert sorted(path.name for path in kept.iterdir()) == ["checkpoint-4", "checkpoint-6"]
    assert not list(kept.glob("*/pytorch_model.bin"))
    begun.mkdir(parents=True)
    (kept / "checkpoint-4").rename(begun / "checkpoint-4")
    resumed, _, events = training(tmp_path / "stopped", encoder, news)
    assert [event["done"] for event in events if "loss" in event] == [5, 6]
    one, other = (load_file(folder / "model.safetensors") for folder in (through, resumed))
    assert one.keys() == other.keys()
    assert all(one[name].equal(other[name]) for name in one)


def test_training_goes_on_from_a_checkpoint_with_frozen_layers(
    tmp_path: Path,
    tiny: Path,  # noqa: F811
    news: list[Sentence],
    training: Training,
) -> None:
    training.recipe = training.recipe.model_copy(update={"frozen_layers": 1, "epochs": 1})
    output, *_ = training(tmp_path, tiny, news)
    before, after = (load_file(folder / "model.safetensors") for folder in (tiny, output))
    assert before.keys() == after.keys()
    moved = {name for name in before if not before[name].equal(after[name])}
    assert moved
    assert not any("encoder.layer.0." in name for name in moved)


def test_a_decoder_only_model_becomes_a_checkpoint_that_answers(
    tmp_path: Path,
    start: Sequence[str],  # noqa: F811
    tiny_llama: TinyModel,
    news: list[Sentence],
    training: Training,
) -> None:
    output, _, events = training(tmp_path, tiny_llama.folder, news, causal=True)
    assert len([event for event in events if "loss" in event]) == 6
    how = {"batch": 4, "threads": 1, "dtype": "float32", "too_long": "skip"}
    with Gliner(training.system, model=output, start=start, **how) as engine:
        assert len(engine.answer(news)) == len(news)


def test_sentences_that_are_all_too_long_are_one_line(
    tmp_path: Path, encoder: Path, training: Training
) -> None:
    long = Sentence("long", "news", ("word",) * 31, ("O",) * 31, ("person",))
    with pytest.raises(InputError, match="no sentence to train on: all are too long"):
        training(tmp_path, encoder, [long])
