"""`gner bench train`: both sides on the same sentences, and figures that mean what they say."""

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from gner_core.config.reading.costs import named_device
from gner_core.costs.work import update_work
from gner_core.errors import InputError
from gner_core.training.bench.flops import shape_of
from gner_core.training.bench.plain import plain_trainer, shuffled
from gner_core.training.bench.worker import BenchRequest, Computed, work
from gner_core.training.data.batches import PassShape
from gner_core.training.stage import Stage
from tests.gner_core.conftest import TinyModel
from tests.gner_core.training.conftest import Ask, silent


def request(ask: Ask, model: TinyModel, **changes: Any) -> BenchRequest:
    """Two measured updates of a tiny model."""
    values = {"side": "gner", "updates": 2, "warm_up": 1, "one_in": 1, "peak_of": "H200"}
    return BenchRequest.model_validate({**ask(model).model_dump(), **values, **changes})


def test_both_sides_train_on_the_same_sentences(
    tiny_model: TinyModel, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gner_core.training.stage.CPU_WIDTH_STEP", 1)  # much for short sentences
    sides = [
        work(request(ask, tiny_model, side=side), silent)["figures"] for side in ("plain", "gner")
    ]
    plain, ours = sides
    assert plain["label_tokens"] == ours["label_tokens"] > 0
    assert plain["sentences"] == ours["sentences"] == 16
    assert plain["planned_padding_share"] > ours["planned_padding_share"]
    assert all(side["label_tokens_per_second"] > 0 for side in sides)
    assert all(side["memory_bytes"] > 0 for side in sides)


def test_one_in_two_micro_batches_is_half_an_update(tiny_llama: TinyModel, ask: Ask) -> None:
    figures = work(request(ask, tiny_llama, one_in=2), silent)["figures"]
    assert figures["sentences"] == 8  # of two updates of 8, in micro-batches of 4


def test_more_updates_than_there_are_sentences_are_refused(tiny_llama: TinyModel, ask: Ask) -> None:
    with pytest.raises(InputError, match=r"make 3 whole updates of 8; 10 are wanted: lower"):
        work(request(ask, tiny_llama, updates=9), silent)
    with pytest.raises(InputError, match="--device H999: not known; known: A100-80G"):
        named_device("H999")


def test_the_baseline_has_the_loss_of_the_stage(steady_model: TinyModel, ask: Ask) -> None:
    """Same weights, same sentences: what differs is only the way of computing."""
    losses = []
    for side in ("plain", "gner"):
        stage = Stage(ask(steady_model, train={"epochs": 1}, checkpoint_every=100))
        if side == "plain":
            stage.updates = shuffled(stage.updates, seed=1)
        trainer = (
            plain_trainer(stage, micro_batch=8, callbacks=[])
            if side == "plain"
            else stage.trainer(micro_batch=8, checkpoint=None, callbacks=[])
        )
        trainer.args.max_steps = 1
        trainer.train()
        losses.append(trainer.state.log_history[0]["loss"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_operations_of_a_llama_are_six_for_each_weight_and_token(
    tiny_model: TinyModel,
) -> None:
    if tiny_model.backbone.family == "encoder_decoder":
        pytest.skip("counted by hand for the other family")
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(tiny_model.folder))
    head = model.lm_head.weight.numel()
    layers = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear)) - head
    shape = shape_of(model.config)
    whole = update_work(shape, frozen_layers=0, adapters=False)
    attention = 2 * 2 * 3 * model.config.hidden_size * 2 * 30 * 30 / 2  # two layers, causal
    one = Computed([([(20, 10)], 0)], PassShape(encoder_decoder=False)).flops(whole)
    assert one == 6 * (30 * layers + 10 * head) + attention
    # A prefix of 12 tokens of two sentences is computed once.
    two = Computed([([(20, 10)] * 2, 12)], PassShape(encoder_decoder=False)).flops(whole)
    saved = 2 * one - two
    assert saved == 6 * 12 * layers + 2 * 2 * 3 * model.config.hidden_size * 2 * 12 * 12 / 2
    assert update_work(shape, frozen_layers=2, adapters=False).target == 2 * layers
