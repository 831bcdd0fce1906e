"""The loss and the ways to compute it: equal values and gradients, whatever is switched on."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from gner_core.records import Sentence
from gner_core.training.data.examples import IGNORED
from gner_core.training.fused import fuse_activations, fuse_norms, round_rotations
from gner_core.training.loss import LabelHead, summed_cross_entropy
from gner_core.training.stage import Stage
from gner_core.training.worker import work
from tests.gner_core.conftest import TinyModel
from tests.gner_core.training.conftest import Ask, journal, silent
from tests.gner_core.training.test_training import assert_equal_curves


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cross_entropy_in_pieces_equals_the_whole(dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    logits = (3 * torch.randn(320, 50)).to(dtype).requires_grad_()
    labels = torch.randint(0, 50, (300,))
    plain = cross_entropy(logits[:300].float(), labels, reduction="sum")  # the rest fills up
    (wanted,) = torch.autograd.grad(0.5 * plain, logits)
    ours = summed_cross_entropy(logits, labels)
    (gradient,) = torch.autograd.grad(0.5 * ours, logits)
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(gradient, wanted)


def test_a_micro_batch_without_labels_has_no_loss_and_no_gradient(
    tiny_model: TinyModel, ask: Ask
) -> None:
    """What a device computes that only has to take part in an exchange."""
    model = Stage(ask(tiny_model)).model(None)
    labels = torch.full((1, 3), IGNORED)
    ids = {"input_ids": torch.tensor([[5, 6, 7]])}
    if tiny_model.backbone.family == "encoder_decoder":
        ids["decoder_input_ids"] = torch.tensor([[0, 5, 7]])
    logits = LabelHead(model).logits(labels, lambda: model(**ids).logits)
    loss = summed_cross_entropy(logits, labels[labels != IGNORED])
    loss.backward()
    assert loss.item() == 0.0
    gradients = [p.grad for p in model.parameters()]
    assert all(g is not None and not g.any() for g in gradients)
    assert model(**ids).logits.shape[:2] == (1, 3)  # the head sees everything again


def test_activations_in_one_go_are_the_same_function(tiny_model: TinyModel, ask: Ask) -> None:
    if tiny_model.backbone.family == "decoder_only":
        pytest.skip("LLaMA's activation is one operation already")
    model = Stage(ask(tiny_model)).model(None).eval()
    ids = {"input_ids": torch.tensor([[5, 6, 7]]), "decoder_input_ids": torch.tensor([[0, 5]])}
    before = model(**ids).logits
    names = {name for name, _ in model.named_parameters()}
    fuse_activations(model)
    kinds = {type(module).__name__ for module in model.modules()}
    assert "GELU" in kinds and "NewGELUActivation" not in kinds
    assert {name for name, _ in model.named_parameters()} == names
    torch.testing.assert_close(model(**ids).logits, before)


def test_norms_in_fewer_passes_are_the_same_function(tiny_model: TinyModel, ask: Ask) -> None:
    model = Stage(ask(tiny_model)).model(None).eval()
    ids = {"input_ids": torch.tensor([[5, 6, 7], [8, 9, 5]])}
    if tiny_model.backbone.family == "encoder_decoder":
        ids["decoder_input_ids"] = torch.tensor([[0, 5], [0, 7]])

    def gradients() -> dict[str, torch.Tensor]:
        model.zero_grad()
        model(**ids).logits.square().mean().backward()
        return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    before = gradients()
    fuse_norms(model, dtype=torch.float32)
    round_rotations(model, dtype=torch.float32)
    assert any(type(module).__module__ == fuse_norms.__module__ for module in model.modules())
    torch.testing.assert_close(gradients(), before)


WAYS: list[Any] = [
    pytest.param({"gradient_checkpointing": True}, id="gradient checkpointing"),
    pytest.param({"attention": "eager"}, id="eager"),
    pytest.param({"attention": "sdpa"}, id="sdpa"),
    pytest.param({"torch_compile": True}, id="compile", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_computing_gives_the_same_curve(
    steady_model: TinyModel,
    ask: Ask,
    news: list[Sentence],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: dict[str, Any],
) -> None:
    # A compilation that was killed leaves half a file in the cache that all runs share.
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    given: dict[str, Any] = {"sentences": news[:8]}  # an update of each of two epochs
    work(ask(steady_model, tmp_path / "plain", **given), silent)
    work(ask(steady_model, tmp_path / "other", **given, **way), silent)
    assert_equal_curves(journal(tmp_path / "plain"), journal(tmp_path / "other"), 1e-4)
