"""LoRA: only adapters are trained, what is published is a plain model, resumes are equal."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from gner_core.backbones.load import load_model
from gner_core.config.training import LoraParams, TrainParams
from gner_core.errors import InputError
from gner_core.training.adapters import ADAPTERS, add_adapters, save_published
from gner_core.training.stage import Stage
from gner_core.training.worker import work
from tests.gner_core.conftest import TinyModel
from tests.gner_core.training.conftest import Ask, journal, silent
from tests.gner_core.training.test_training import Killed, dying_after


def lora(model: TinyModel) -> LoraParams:
    """Adapters with dropout on attention's queries and values."""
    t5 = model.backbone.family == "encoder_decoder"
    targets = ("q", "v") if t5 else ("q_proj", "v_proj")
    return LoraParams(rank=4, alpha=8.0, dropout=0.1, target_modules=targets)


@pytest.fixture
def peft() -> Any:
    return pytest.importorskip("peft")


def test_only_adapters_are_trained_and_a_plain_model_is_published(
    tiny_model: TinyModel, ask: Ask, tmp_path: Path, peft: Any
) -> None:
    work(ask(tiny_model, train={"lora": lora(tiny_model)}), silent)
    before = load_file(tiny_model.folder / "model.safetensors")
    after = load_file(tmp_path / "out" / "model.safetensors")
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    targets = lora(tiny_model).target_modules
    assert moved == {name for name in before if name.split(".")[-2] in targets}
    load_model(tmp_path / "out", tiny_model.backbone, dtype="float32")
    kept = load_file(tmp_path / "scratch" / "checkpoint-6" / ADAPTERS)
    assert kept and all(".lora_" in name for name in kept)


@torch.no_grad()
def test_the_published_model_computes_what_the_adapters_do(
    tiny_model: TinyModel,
    ask: Ask,
    tmp_path: Path,
    peft: Any,
    capfd: pytest.CaptureFixture[str],
) -> None:
    stage = Stage(ask(tiny_model))
    model = stage.model(None).eval()
    add_adapters(model, lora(tiny_model), checkpoint=None)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # zeros at the beginning
            torch.nn.init.normal_(parameter, std=0.5)
    capfd.readouterr()
    save_published(model, tmp_path / "plain", weights=None)
    assert not "".join(capfd.readouterr())  # no progress bar
    plain = load_model(tmp_path / "plain", tiny_model.backbone, dtype="float32").eval()
    ids = {"input_ids": torch.tensor([stage.examples[(0, 0)].source])}
    if tiny_model.backbone.family == "encoder_decoder":
        ids["decoder_input_ids"] = torch.tensor([[0, 5, 7]])
    start = load_model(tiny_model.folder, tiny_model.backbone, dtype="float32").eval()
    torch.testing.assert_close(plain(**ids).logits, model.eval()(**ids).logits)
    assert not torch.allclose(start(**ids).logits, model(**ids).logits, atol=1e-3)


def test_adapters_go_on_to_the_same_weights(
    tiny_llama: TinyModel, ask: Ask, tmp_path: Path, peft: Any
) -> None:
    train = {"lora": lora(tiny_llama)}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    work(ask(tiny_llama, whole, train=train), silent)
    with pytest.raises(Killed):
        work(ask(tiny_llama, broken, train=train), dying_after(3))
    assert work(ask(tiny_llama, broken, train=train), silent)["summary"]["resumed_from"] == 2
    assert journal(whole) == journal(broken)
    one, two = (load_file(place / "out" / "model.safetensors") for place in (whole, broken))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_missing_package_and_unknown_layers_are_named(
    tiny_llama: TinyModel, ask: Ask, monkeypatch: pytest.MonkeyPatch, peft: Any
) -> None:
    wrong = lora(tiny_llama).model_copy(update={"target_modules": ("nowhere",)})
    with pytest.raises(InputError, match=r"target_modules: nowhere: no such .* there are: "):
        work(ask(tiny_llama, train={"lora": wrong}), silent)
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match=r"pip install 'gner\[lora\]'"):
        work(ask(tiny_llama, train={"lora": lora(tiny_llama)}), silent)


def test_adapters_and_frozen_layers_exclude_each_other(
    tiny_model: TinyModel, recipe: TrainParams
) -> None:
    values = {**recipe.model_dump(), "lora": lora(tiny_model).model_dump(), "frozen_layers": 1}
    with pytest.raises(ValueError, match="set frozen_layers: 0"):
        TrainParams.model_validate(values)
