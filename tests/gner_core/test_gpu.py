"""Training in bfloat16, its speed, and generation on a GPU, where there is one."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    LlamaConfig,
    PreTrainedConfig,
    T5Config,
)

from gner_core.backbones.load import load_tokenizer
from gner_core.config.execution import ExecutionParams
from gner_core.config.systems.any import DecodeParams
from gner_core.config.systems.gner import GnerSystem
from gner_core.config.training import ChooseLast, TrainParams
from gner_core.generation.job import GenerateRequest
from gner_core.generation.worker import work as generate
from gner_core.records import Sentence, read_predictions, write_sentences
from gner_core.systems.gner.targets import BIO
from gner_core.training.bench.worker import BenchRequest
from gner_core.training.bench.worker import work as bench
from gner_core.training.stage import TrainRequest
from gner_core.training.worker import work as train
from tests.gner_core.conftest import TinyModel

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine"),
]


def silent(*_: Any, **__: Any) -> None:
    return


def test_a_stage_trains_and_generates_on_the_gpu(
    tiny_model: TinyModel,
    recipe: TrainParams,
    execution: ExecutionParams,
    news: list[Sentence],
    tmp_path: Path,
) -> None:
    backbone = tiny_model.backbone.model_copy(update={"dtype": "bfloat16"})
    folders = {name: tmp_path / name for name in ("model", "train", "answers", "generate")}
    for folder in folders.values():
        folder.mkdir()
    write_sentences(tmp_path / "s.parquet", news)
    common = {"backbone": backbone, "sentences": str(tmp_path / "s.parquet"), "threads": None}
    trained = train(
        TrainRequest(
            output=str(folders["model"]),
            scratch=str(folders["train"]),
            system=GnerSystem.writing(BIO),
            train=recipe,
            model=str(tiny_model.folder),
            execution=execution,
            choose=ChooseLast(kind="last"),
            validation=None,
            **common,
        ),
        silent,
    )
    assert trained["summary"]["device"] == "cuda:0"
    generate(
        GenerateRequest(
            output=str(folders["answers"]),
            scratch=str(folders["generate"]),
            system=GnerSystem.writing(BIO),
            decode=DecodeParams(mode="free", beams=2, too_long="skip", seed=1),
            model=str(folders["model"]),
            batch=8,
            batch_tokens=65_536,
            processes=1,
            exact=False,
            **common,
        ),
        silent,
    )
    predictions = read_predictions(folders["answers"] / "predictions.parquet")
    assert [p.id for p in predictions] == [s.id for s in news]


T5_LARGE = T5Config(
    vocab_size=32128,
    d_model=1024,
    d_kv=64,
    d_ff=2816,
    num_layers=24,
    num_heads=16,
    feed_forward_proj="gated-gelu",
    decoder_start_token_id=0,
    pad_token_id=0,
    eos_token_id=1,
)
LLAMA_7B_OF_4_LAYERS = LlamaConfig(
    vocab_size=32000,
    hidden_size=4096,
    intermediate_size=11008,
    num_hidden_layers=4,
    num_attention_heads=32,
    pad_token_id=0,
    eos_token_id=1,
    bos_token_id=1,
)


def test_the_gpu_is_used_well(
    tiny_model: TinyModel,
    recipe: TrainParams,
    execution: ExecutionParams,
    news: list[Sentence],
    tmp_path: Path,
) -> None:
    """Random weights of the true shapes in bfloat16, on passages of about 100 words."""
    t5 = tiny_model.backbone.family == "encoder_decoder"
    config: PreTrainedConfig = T5_LARGE if t5 else LLAMA_7B_OF_4_LAYERS
    auto = AutoModelForSeq2SeqLM if t5 else AutoModelForCausalLM
    folder = tmp_path / "model"
    auto.from_config(config).save_pretrained(folder)
    load_tokenizer(tiny_model.folder).save_pretrained(folder)
    limits = {"max_source_tokens": 2000, "max_target_tokens": 2000, "dtype": "bfloat16"}
    write_sentences(tmp_path / "s.parquet", [joined(news, number) for number in range(768)])
    request = BenchRequest(
        output=str(tmp_path),
        scratch=str(tmp_path),
        threads=None,
        backbone=tiny_model.backbone.model_copy(update=limits),
        system=GnerSystem.writing(BIO),
        train=recipe.model_copy(update={"global_batch": 256}),
        model=str(folder),
        sentences=str(tmp_path / "s.parquet"),
        execution=execution.model_copy(update={"train_batch": 16, "threads": None}),
        choose=ChooseLast(kind="last"),
        validation=None,
        side="gner",
        updates=2,
        warm_up=1,
        one_in=1,
        peak_of=None,
    )
    figures = bench(request, silent)["figures"]
    used = figures["flops_per_second"] / figures["peak_flops_per_second"]
    assert figures["dtype"] == "bfloat16"
    assert used >= (0.35 if t5 else 0.45)


def joined(sentences: list[Sentence], number: int) -> Sentence:
    """A passage of five sentences of the corpus, beginning at one of them."""
    chosen = [sentences[(number + offset) % len(sentences)] for offset in range(5)]
    words = tuple(word for sentence in chosen for word in sentence.words)
    tags = tuple(tag for sentence in chosen for tag in sentence.tags)
    return Sentence(f"passage/{number}", "news", words, tags, sentences[0].types)
