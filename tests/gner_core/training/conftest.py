"""What the tests of training share: a request, its journal, a model without dropout."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gner_core.config.execution import ExecutionParams
from gner_core.config.training import TrainParams
from gner_core.records import Sentence, write_sentences
from gner_core.training.stage import TrainRequest
from gner_core.training.worker import work
from tests.gner_core.conftest import TinyModel

Ask = Callable[..., TrainRequest]
Whole = Callable[[TinyModel], Path]


@pytest.fixture(scope="session")
def request_at(recipe: TrainParams, execution: ExecutionParams, news: list[Sentence]) -> Ask:
    """Make a request: `request_at(place, model, sentences=…, train={…}, …)`."""

    def make(
        place: Path,
        model: TinyModel,
        *,
        sentences: list[Sentence] = news,
        train: dict[str, Any] | None = None,
        choose: dict[str, Any] | None = None,
        validation: list[Sentence] | None = None,
        **changes: Any,
    ) -> TrainRequest:
        for folder in ("out", "scratch"):
            (place / folder).mkdir(parents=True, exist_ok=True)
        write_sentences(place / "s.parquet", sentences)
        if validation:
            write_sentences(place / "v.parquet", validation)
        values = {
            "output": str(place / "out"),
            "scratch": str(place / "scratch"),
            "threads": 1,
            "backbone": model.backbone,
            "system": {"kind": "gner", "labels": "BIO", "context": "full", "gap": ""},
            "train": recipe.model_copy(update=train or {}),
            "model": str(model.folder),
            "sentences": str(place / "s.parquet"),
            "choose": choose or {"kind": "last"},
            "validation": str(place / "v.parquet") if validation else None,
            "execution": {**execution.model_dump(), **changes},
        }
        return TrainRequest.model_validate(values)

    return make


@pytest.fixture
def ask(request_at: Ask, tmp_path: Path) -> Ask:
    """Make a request: `ask(model, place, sentences=…, train={…}, …)`."""

    def make(model: TinyModel, place: Path = tmp_path, **changes: Any) -> TrainRequest:
        return request_at(place, model, **changes)

    return make


@pytest.fixture(scope="session")
def whole_training(request_at: Ask, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Train a model as `ask(model)` says, with nothing in the way, once; give the place."""

    @cache
    def train(model: TinyModel) -> Path:
        place = tmp_path_factory.mktemp("whole")
        work(request_at(place, model), silent)
        return place

    return train


@pytest.fixture
def steady_model(tiny_model: TinyModel, tmp_path: Path) -> TinyModel:
    """The tiny model without dropout, which draws other numbers for other batch shapes."""
    folder = tmp_path / "steady"
    folder.mkdir()
    for file in tiny_model.folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    config.update({"dropout_rate": 0.0})
    (folder / "config.json").write_text(json.dumps(config))
    return TinyModel(folder, tiny_model.backbone)


def journal(place: Path) -> list[dict[str, float]]:
    """The figures of every update of a training that was finished at `place`."""
    return [json.loads(line) for line in (place / "out" / "metrics.jsonl").read_text().splitlines()]


def silent(*_: Any, **__: Any) -> None:
    """A report that nobody reads."""
