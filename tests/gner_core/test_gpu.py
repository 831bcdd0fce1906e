"""Training in bfloat16 and generation on a GPU, where there is one."""

from pathlib import Path
from typing import Any

import pytest
import torch

from gner_core.execution_params import ExecutionParams
from gner_core.generation.job import GenerateRequest
from gner_core.generation.worker import work as generate
from gner_core.params import DecodeParams, TrainParams
from gner_core.records import Sentence, read_predictions, write_sentences
from gner_core.schemas.targets import BIO
from gner_core.training.worker import TrainRequest
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
            target=BIO,
            train=recipe,
            model=str(tiny_model.folder),
            execution=execution,
            **common,
        ),
        silent,
    )
    assert trained["summary"]["device"] == "cuda:0"
    generate(
        GenerateRequest(
            output=str(folders["answers"]),
            scratch=str(folders["generate"]),
            target=BIO,
            decode=DecodeParams(mode="free", beams=2, too_long="skip", seed=1),
            model=str(folders["model"]),
            batch=8,
            batch_tokens=65_536,
            processes=1,
            **common,
        ),
        silent,
    )
    predictions = read_predictions(folders["answers"] / "predictions.parquet")
    assert [p.id for p in predictions] == [s.id for s in news]
