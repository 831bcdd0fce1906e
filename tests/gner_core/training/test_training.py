"""The worker on tiny models of both families: equal losses, equal resumes, clear faults."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from gner_core.backbones.encode import Encoder
from gner_core.backbones.load import load_model, load_tokenizer
from gner_core.errors import InputError
from gner_core.params import TrainParams
from gner_core.records import Sentence, write_sentences
from gner_core.schemas.targets import BIO
from gner_core.training.examples import IGNORED, Examples, collate
from gner_core.training.trainer import StageTrainer, checkpoints
from gner_core.training.worker import TrainRequest, work
from tests.gner_core.conftest import TinyModel


class Killed(Exception):
    """Stands for the death of the worker."""


def request(
    model: TinyModel, recipe: TrainParams, sentences: list[Sentence], place: Path, **changes: Any
) -> TrainRequest:
    for folder in ("out", "scratch"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    write_sentences(place / "s.parquet", sentences)
    values = {
        "output": str(place / "out"),
        "scratch": str(place / "scratch"),
        "threads": 1,
        "backbone": model.backbone,
        "target": BIO,
        "train": recipe,
        "model": str(model.folder),
        "sentences": str(place / "s.parquet"),
        "micro_batch": 4,
        "checkpoint_every": 2,
        "keep_checkpoints": 1,
    }
    return TrainRequest.model_validate({**values, **changes})


def journal(place: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (place / "out" / "metrics.jsonl").read_text().splitlines()]


def silent(*_: Any, **__: Any) -> None:
    return


def test_loss_and_gradient_do_not_depend_on_the_micro_batch(
    tiny_model: TinyModel, recipe: TrainParams, news: list[Sentence], tmp_path: Path
) -> None:
    recipe = recipe.model_copy(update={"epochs": 1})
    curves = []
    for micro_batch in (8, 2):
        place = tmp_path / str(micro_batch)
        torch.manual_seed(0)
        work(
            request(
                _without_dropout(tiny_model, tmp_path), recipe, news, place, micro_batch=micro_batch
            ),
            silent,
        )
        curves.append(journal(place))
    assert len(curves[0]) == 3
    for one, four in zip(*curves, strict=True):
        assert one["loss"] == pytest.approx(four["loss"], abs=2e-5)
        assert one["grad_norm"] == pytest.approx(four["grad_norm"], abs=2e-4)


def _without_dropout(model: TinyModel, place: Path) -> TinyModel:
    """Dropout draws other numbers for other batch shapes; without it all must be equal."""
    folder = place / "plain"
    if not folder.exists():
        folder.mkdir()
        for file in model.folder.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        config = json.loads((folder / "config.json").read_text())
        config.update({"dropout_rate": 0.0})
        (folder / "config.json").write_text(json.dumps(config))
    return TinyModel(folder, model.backbone)


def test_the_loss_is_the_mean_over_label_tokens_of_a_plain_forward_pass(
    tiny_model: TinyModel, recipe: TrainParams, news: list[Sentence]
) -> None:
    """Shared prefixes and cut logits must not change the loss or any gradient."""
    encoder = Encoder(load_tokenizer(tiny_model.folder), tiny_model.backbone, BIO)
    examples = Examples(news[:3], encoder, recipe)
    rows = [examples[(0, i)] for i in range(3)]
    batch = collate(rows, family=tiny_model.backbone.family, pad=0)
    model = load_model(tiny_model.folder, tiny_model.backbone, dtype="float32").eval()
    trainer = StageTrainer(model=model, examples=examples, plan=[], keep=1)
    loss = trainer.compute_loss(model, batch)
    loss.backward()
    ours = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    summed, tokens = torch.zeros(()), 0
    for row in rows:
        if tiny_model.backbone.family == "encoder_decoder":
            ids, labels = row.source, row.target
        else:
            ids = row.source + row.target
            labels = [IGNORED] * len(row.source) + row.target
        output = model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels]))
        summed = summed + output.loss * len(row.target)
        tokens += len(row.target)
    plain = summed / tokens
    plain.backward()
    assert loss.item() == pytest.approx(plain.item(), abs=1e-5)
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(ours[name], parameter.grad, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("killed_after", [1, 3, 4])
def test_a_killed_training_goes_on_to_the_same_weights(
    tiny_model: TinyModel,
    recipe: TrainParams,
    news: list[Sentence],
    tmp_path: Path,
    killed_after: int,
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    work(request(tiny_model, recipe, news, whole), silent)

    def die(done: int, *_: Any, **__: Any) -> None:
        if done == killed_after:
            raise Killed

    with pytest.raises(Killed):
        work(request(tiny_model, recipe, news, broken), die)
    assert not (broken / "out" / "model.safetensors").exists()
    summary = work(request(tiny_model, recipe, news, broken), silent)["summary"]
    assert summary["resumed_from"] == {1: 0, 3: 2, 4: 2}[killed_after]
    assert journal(whole) == journal(broken)
    one = load_file(whole / "out" / "model.safetensors")
    two = load_file(broken / "out" / "model.safetensors")
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_half_a_checkpoint_is_not_taken_for_one(
    tiny_model: TinyModel, recipe: TrainParams, news: list[Sentence], tmp_path: Path
) -> None:
    asked = request(tiny_model, recipe, news, tmp_path)
    half = Path(asked.scratch) / ".writing" / "checkpoint-4"
    half.mkdir(parents=True)
    (half / "model.safetensors").write_bytes(b"half")
    assert checkpoints(Path(asked.scratch)) == []
    assert work(asked, silent)["summary"]["resumed_from"] == 0


def test_frozen_layers_stay_and_the_others_move(
    tiny_model: TinyModel, recipe: TrainParams, news: list[Sentence], tmp_path: Path
) -> None:
    work(
        request(tiny_model, recipe.model_copy(update={"frozen_layers": 1}), news, tmp_path), silent
    )
    before = load_file(tiny_model.folder / "model.safetensors")
    after = load_file(tmp_path / "out" / "model.safetensors")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(".1." in name for name in moved)
    assert not any("block.0." in n or "layers.0." in n or "shared" in n for n in moved)


def test_sentences_over_the_limits_are_counted_or_refused(
    tiny_model: TinyModel, recipe: TrainParams, news: list[Sentence], tmp_path: Path
) -> None:
    long = Sentence("long", "news", news[0].words * 40, news[0].tags * 40, news[0].types)
    summary = work(request(tiny_model, recipe, [*news, long], tmp_path), silent)["summary"]
    assert (summary["sentences"], summary["left_out"]) == (25, 1)
    strict = recipe.model_copy(update={"too_long": "error"})
    with pytest.raises(InputError, match=r"long: prompt \d+ and target \d+ tokens"):
        work(request(tiny_model, strict, [*news, long], tmp_path / "b"), silent)
    with pytest.raises(InputError, match="every training sentence"):
        work(request(tiny_model, recipe, [long], tmp_path / "c"), silent)


def test_damaged_weights_are_named(
    tiny_model: TinyModel, recipe: TrainParams, news: list[Sentence], tmp_path: Path
) -> None:
    folder = _without_dropout(tiny_model, tmp_path).folder
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot load tiny"):
        work(request(TinyModel(folder, tiny_model.backbone), recipe, news, tmp_path / "x"), silent)
