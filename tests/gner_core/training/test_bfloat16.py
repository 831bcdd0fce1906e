"""Trainings in bfloat16 on a CPU: close to float32, whole after a kill, never changing format."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gner_core.errors import InputError
from gner_core.training.checkpoints.resume import checkpoints
from gner_core.training.worker import work
from tests.gner_core.conftest import TinyModel
from tests.gner_core.training.conftest import Ask, journal, silent
from tests.gner_core.training.test_training import Killed, dying_after


@pytest.fixture
def model(tiny_llama: TinyModel) -> TinyModel:
    """A model whose recipe allows bfloat16."""
    backbone = tiny_llama.backbone.model_copy(update={"dtype": "bfloat16"})
    return TinyModel(tiny_llama.folder, backbone)


@pytest.fixture
def fast_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this processor pass for one that is fast in bfloat16; it computes the same, slowly."""
    monkeypatch.setattr("gner_core.backbones.number_format.cpu_is_fast_in_bfloat16", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("fast_cpu")
def test_losses_are_those_of_float32_but_for_rounding(
    model: TinyModel, ask: Ask, tmp_path: Path
) -> None:
    summaries = [
        work(ask(model, tmp_path / name, train={"epochs": 1}, exact=exact), silent)["summary"]
        for name, exact in (("bfloat16", False), ("float32", True))
    ]
    assert [summary["computed_in"] for summary in summaries] == ["bfloat16", "float32"]
    rough, exact = (journal(tmp_path / name) for name in ("bfloat16", "float32"))
    for one, other in zip(rough, exact, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=0.01)
        assert one["loss"] != other["loss"]
    weights = load_file(tmp_path / "bfloat16" / "out" / "model.safetensors")
    assert {values.dtype for values in weights.values()} == {torch.float32}


@pytest.mark.usefixtures("fast_cpu")
@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_weights(
    model: TinyModel, ask: Ask, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    work(ask(model, whole), silent)
    with pytest.raises(Killed):
        work(ask(model, broken), dying_after(3))
    work(ask(model, broken), silent)
    one, other = (load_file(p / "out" / "model.safetensors") for p in (whole, broken))
    assert all(torch.equal(values, other[name]) for name, values in one.items())


@pytest.mark.usefixtures("fast_cpu")
def test_a_training_never_goes_on_in_another_format(
    model: TinyModel, ask: Ask, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        work(ask(model, tmp_path), dying_after(3))
    kept = checkpoints(tmp_path / "scratch")
    with pytest.raises(InputError, match="begun in bfloat16 and would go on in float32; go on"):
        work(ask(model, tmp_path, exact=True), silent)
    assert checkpoints(tmp_path / "scratch") == kept
    work(ask(model, tmp_path), silent)
