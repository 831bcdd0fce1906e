"""Shapes and operations: the true sizes of models, and the count of a loaded model's layers."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    PreTrainedModel,
)

from gner_core.config.backbone import BackboneParams
from gner_core.config.costs import ModelShape
from gner_core.config.reading.files import read_params
from gner_core.costs.work import forward_work, update_work
from gner_core.training.bench.flops import shape_of
from gner_core.training.trainer import freeze_layers
from tests.gner_core.conftest import TinyModel

GEMMA_NORMS = 18 * 2 * (640 + 256)
"""Weights of norms that only Gemma has: two more around each layer's parts, and of queries and keys."""
TOY = ModelShape(
    layers=1,
    decoder_layers=1,
    hidden=4,
    heads=2,
    key_value_heads=1,
    head_width=3,
    feed_forward=8,
    gated=False,
    vocabulary=10,
    tied=False,
    lengths=None,
)


def test_the_shapes_of_params_have_exactly_the_parameters_of_their_models(root: Path) -> None:
    backbones = [
        read_params(BackboneParams, file)
        for file in sorted((root / "params" / "models").glob("*.yaml"))
    ]
    assert len(backbones) == 12
    for backbone in backbones:
        assert backbone.shape is not None, backbone.name
        left_out = GEMMA_NORMS if backbone.name == "Gemma-3-270M" else 0
        assert backbone.shape.parameters() + left_out == backbone.parameters, backbone.name


def test_a_shape_of_another_model_is_refused(root: Path) -> None:
    values = read_params(
        BackboneParams, root / "params" / "models" / "flan-t5-small.yaml"
    ).model_dump()
    values["shape"]["layers"] = 12
    with pytest.raises(ValidationError, match=r"shape has [\d,]+ parameters, not 76,961,152"):
        BackboneParams.model_validate(values)


def test_operations_by_hand() -> None:
    # Queries and output 2*4*6 = 48 weights, keys and values 2*4*3 = 24, feed-forward 2*4*8 = 64.
    # An encoder layer has 48+24+64 = 136. A decoder layer sees a target token with 136+48 (reading
    # the prompt) = 184 and a prompt token with 24 (its keys and values). Output layer 4*10 = 40.
    once = forward_work(TOY)
    assert (once.source, once.target, once.label) == (2 * (136 + 24), 2 * 184, 2 * 40)
    assert once.seen == 2 * 2 * 6  # two products of all heads, for each pair
    # 3 prompt tokens see each other (9 pairs); 2 target tokens see half of 4 pairs, and 2*3 pairs.
    assert once.reading(prompt=3) == 3 * 320 + 24 * 9
    assert once.writing(prompt=3, target=2) == 2 * (368 + 80) + 24 * (2 + 6)
    update = update_work(TOY, frozen_layers=0, adapters=False)
    assert update.flops(prompt=3, target=2) == 3 * once.flops(prompt=3, target=2)


@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_a_loaded_model_is_counted_alike(tiny_model: TinyModel, frozen: int) -> None:
    config = AutoConfig.from_pretrained(tiny_model.folder)
    encoder_decoder = config.is_encoder_decoder
    auto = AutoModelForSeq2SeqLM if encoder_decoder else AutoModelForCausalLM
    model: PreTrainedModel = auto.from_config(config)
    shape = ModelShape(
        layers=2,
        decoder_layers=2 if encoder_decoder else 0,
        hidden=32,
        heads=2,
        key_value_heads=2,
        head_width=16,
        feed_forward=64,
        gated=True,
        vocabulary=config.vocab_size,
        tied=True,
        lengths=None,
    )
    assert shape == shape_of(config)
    assert shape.parameters() == model.num_parameters()
    freeze_layers(model, frozen)
    found = update_work(shape, frozen_layers=frozen, adapters=False)
    assert found.seen == 2 * 2 * 32 * (2 + 2 * (2 - frozen))
    assert {"source": found.source, "target": found.target, "label": found.label} == count(model)


def count(model: PreTrainedModel) -> dict[str, float]:
    """Count the operations of every matrix of a loaded model, by kind of token.

    Two for the product, two for its weight's gradient, two for its input's. Frozen layers are the
    lowest ones, so gradients stop above them, except in a decoder behind an encoder.
    """
    encoder_decoder = model.config.is_encoder_decoder
    reached = {""} | {
        layer_of(name)
        for name, parameter in model.named_parameters()
        if parameter.requires_grad or (encoder_decoder and "decoder" in name)
    }
    counts = dict.fromkeys(("source", "target", "label"), 0.0)
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            each = 2 + 2 * (layer_of(name) in reached) + 2 * module.weight.requires_grad
            counts[kind(name, encoder_decoder)] += each * module.weight.numel()
    if not encoder_decoder:
        counts["source"] = counts["target"]
    return counts


def layer_of(name: str) -> str:
    """Return `encoder.block.0` of a module's name, or "" outside the layers."""
    parts = name.split(".")
    number = next((at for at, part in enumerate(parts) if part.isdigit()), -1)
    return ".".join(parts[: number + 1])


def kind(name: str, encoder_decoder: bool) -> str:
    """Say which tokens a matrix multiplies: prompts also meet the decoder's keys and values."""
    if not layer_of(name):
        return "label"
    reads_prompt = ".EncDecAttention.k" in name or ".EncDecAttention.v" in name
    of_encoder = encoder_decoder and name.startswith("encoder.")
    return "source" if of_encoder or reads_prompt else "target"
