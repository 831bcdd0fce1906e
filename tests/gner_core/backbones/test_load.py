"""Faults of a checkpoint are found when it is loaded, and named in one line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from gner_core.backbones.encoder import Encoder
from gner_core.backbones.load import load_model, load_tokenizer
from gner_core.errors import InputError
from gner_core.generation.guided.costs import NOMINAL
from gner_core.generation.guided.decoding import GuidedGenerator
from gner_core.systems.gner.targets import BIO
from tests.gner_core.conftest import TinyModel

Weights = dict[str, torch.Tensor]
WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"


@pytest.fixture
def copy(tiny_model: TinyModel, tmp_path: Path) -> TinyModel:
    """A copy of a tiny model, to be damaged."""
    return TinyModel(shutil.copytree(tiny_model.folder, tmp_path / "copy"), tiny_model.backbone)


def change_weights(model: TinyModel, change: Callable[[Weights, str], object]) -> str:
    """Change the weights, given all and the name of a matrix of the second layer; return its name."""
    weights = load_file(model.folder / WEIGHTS)
    name = next(n for n, one in weights.items() if ".1." in n and one.dim() == 2)
    change(weights, name)
    save_file(weights, model.folder / WEIGHTS, metadata={"format": "pt"})
    return name


def change_json(file: Path, **values: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def fault_of(model: TinyModel) -> str:
    with pytest.raises(InputError) as caught:
        load_model(model.folder, model.backbone, dtype="float32")
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).startswith(f"{model.folder}: ")
    return str(caught.value)


def test_weights_that_are_no_numbers(copy: TinyModel) -> None:
    name = change_weights(copy, lambda weights, one: weights[one][0].fill_(float("nan")))
    assert f"the weights hold NaN or infinity ({name})" in fault_of(copy)
    change_weights(copy, lambda weights, one: weights[one].fill_(float("-inf")))
    assert f"the weights hold NaN or infinity ({name})" in fault_of(copy)


def test_weights_that_are_missing_or_have_no_place(copy: TinyModel) -> None:
    name = change_weights(copy, lambda weights, one: weights.update(other=weights.pop(one)))
    assert f"weights are missing: {name};" in fault_of(copy)
    change_weights(copy, lambda weights, _: weights.update({name: weights.pop("other"), "lost": torch.ones(2)}))  # fmt: skip
    assert "weights without a place in the model: lost;" in fault_of(copy)


@pytest.mark.parametrize("tiny_model", ["encoder_decoder"], indirect=True)
@pytest.mark.parametrize("start", [None, 99_999, -1])
def test_a_decoder_begins_with_a_token(copy: TinyModel, start: int | None) -> None:
    change_json(copy.folder / CONFIG, decoder_start_token_id=start)
    assert f"config.json has the decoder_start_token_id {start}, with which" in fault_of(copy)


def test_weights_of_another_size(copy: TinyModel, capfd: pytest.CaptureFixture[str]) -> None:
    name = change_weights(copy, lambda weights, one: weights.update({one: torch.ones(3, 5)}))
    assert f"weights of another size: {name} is 3×5, config.json says " in fault_of(copy)
    assert "REPORT" not in capfd.readouterr().err


def test_a_model_with_fewer_layers_than_weights(copy: TinyModel) -> None:
    layers = dict.fromkeys(("num_layers", "num_hidden_layers", "num_decoder_layers"), 1)
    change_json(copy.folder / CONFIG, **layers)
    assert "weights without a place in the model: " in fault_of(copy)


def test_a_tokenizer_that_is_not_usable(copy: TinyModel) -> None:
    file = copy.folder / TOKENIZER
    model = json.loads(file.read_text())["model"]
    change_json(file, model={**model, "type": "NextBPE"})
    with pytest.raises(InputError, match=r"copy: no usable tokenizer: .*newer version") as caught:
        load_tokenizer(copy.folder)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "none of tokenizer.json, .* is there; copy its files"),
        ("[]", "tokenizer.json holds no tokenizer"),
        ("{}", "tokenizer.json holds no tokenizer"),
        ('{"model": ', "tokenizer.json cannot be read"),
    ],
)
def test_files_that_hold_no_tokenizer(copy: TinyModel, content: str | None, message: str) -> None:
    (copy.folder / TOKENIZER).unlink()
    if content is not None:
        (copy.folder / TOKENIZER).write_text(content)
    with pytest.raises(InputError, match=f"copy: no usable tokenizer: {message}"):
        load_tokenizer(copy.folder)


def test_a_tokenizer_that_loses_text(copy: TinyModel) -> None:
    change_json(copy.folder / TOKENIZER, normalizer={"type": "Lowercase"})
    with pytest.raises(InputError, match=r"copy: the tokenizer loses text: .* 'john\(b-person\)"):
        load_tokenizer(copy.folder)


def test_a_tokenizer_without_its_unknown_token(copy: TinyModel) -> None:
    end = json.loads((copy.folder / "tokenizer_config.json").read_text())["eos_token"]
    words = {"type": "WordLevel", "vocab": {"a": 0, end: 1}, "unk_token": "<unk>"}
    change_json(copy.folder / TOKENIZER, model=words)
    with pytest.raises(
        InputError, match=r"copy: the tokenizer cannot encode 'John.*Missing \[UNK\]"
    ):
        load_tokenizer(copy.folder)


def test_a_tokenizer_larger_than_the_model(copy: TinyModel) -> None:
    size = json.loads((copy.folder / CONFIG).read_text())["vocab_size"]
    change_json(copy.folder / CONFIG, vocab_size=size - 1)
    with pytest.raises(InputError, match=f"the tokenizer has {size} tokens, the model only {size - 1}"):  # fmt: skip
        load_tokenizer(copy.folder)


def test_a_configuration_that_is_not_usable(copy: TinyModel) -> None:
    (copy.folder / CONFIG).write_text("{")
    with pytest.raises(InputError, match=r"copy: no usable config.json: .*valid JSON"):
        load_tokenizer(copy.folder)
    for load in (
        lambda: load_tokenizer(copy.folder),
        lambda: load_model(copy.folder, copy.backbone, dtype="float32"),
    ):
        with pytest.raises(InputError, match="copy: "):
            load()


def test_weights_that_overflow(copy: TinyModel) -> None:
    change_weights(copy, lambda weights, _: [one.fill_(1e38) for one in weights.values()])
    encoder = Encoder(load_tokenizer(copy.folder), copy.backbone, BIO)
    model = load_model(copy.folder, copy.backbone, dtype="float32")
    with pytest.raises(InputError, match="the model computes no finite numbers"):
        GuidedGenerator(model, encoder, beams=1, costs=NOMINAL)
