"""The worker on tiny models of both families: equal losses, equal resumes, clear faults."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainingArguments

from gner_core.backbones.encoder import Encoder
from gner_core.backbones.load import load_model, load_tokenizer
from gner_core.errors import InputError
from gner_core.records import Sentence
from gner_core.systems.gner.targets import BIO
from gner_core.training.checkpoints.resume import checkpoints
from gner_core.training.data.batches import PassShape
from gner_core.training.data.examples import IGNORED, Batch, GnerExamples, collate
from gner_core.training.stage import Stage
from gner_core.training.trainer import StageTrainer
from gner_core.training.worker import work
from tests.gner_core.conftest import TinyModel
from tests.gner_core.training.conftest import Ask, Whole, journal, silent


class Killed(Exception):
    """Stands for the death of the worker."""


def test_loss_and_gradient_do_not_depend_on_the_micro_batch(
    steady_model: TinyModel, ask: Ask, tmp_path: Path
) -> None:
    curves = []
    for micro_batch in (8, 2):
        place = tmp_path / str(micro_batch)
        work(ask(steady_model, place, train={"epochs": 1}, train_batch=micro_batch), silent)
        curves.append(journal(place))
    assert len(curves[0]) == 3
    assert_equal_curves(*curves)


def test_the_passes_of_a_micro_batch_do_not_change_the_training(
    steady_model: TinyModel, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curves, shares = [], []
    for tokens, step in ((4096, 16), (1, 1)):
        padding: list[float] = []
        monkeypatch.setattr("gner_core.training.stage.CPU_TOKENS", tokens)
        monkeypatch.setattr("gner_core.training.stage.CPU_WIDTH_STEP", step)
        place = tmp_path / str(tokens)
        work(
            ask(steady_model, place, train={"epochs": 1}, train_batch=8),
            lambda *_, padding_share, **__: padding.append(padding_share),  # noqa: B023
        )
        curves.append(journal(place))
        shares.append(sum(padding))
    assert_equal_curves(*curves)
    assert shares[0] > shares[1] == 0


def test_the_largest_pass_is_rehearsed_without_a_trace(
    tiny_model: TinyModel, ask: Ask, whole_training: Whole, tmp_path: Path, monkeypatch: Any
) -> None:
    """The T5 has dropout, so that a changed state of the random numbers would be seen."""
    whole, rehearsed = whole_training(tiny_model), []
    monkeypatch.setattr(StageTrainer, "_rehearse", lambda _, batch: rehearsed.append(batch))
    request = ask(tiny_model, tmp_path)
    work(request, silent)
    with_rehearsal = load_file(whole / "out" / "model.safetensors")
    without = load_file(tmp_path / "out" / "model.safetensors")
    assert all(torch.equal(with_rehearsal[name], without[name]) for name in without)
    stage = Stage(request)
    trained = stage.trainer(micro_batch=stage.micro_batch(), checkpoint=None, callbacks=[])
    sizes = [positions(batch) for passes in trained.batches for batch in passes]
    assert [positions(batch) for batch in rehearsed] == [max(sizes)]


def positions(batch: Batch) -> int:
    inputs, labels = batch["input_ids"].numel(), batch["labels"].numel()
    return inputs + labels if "attention_mask" in batch else inputs


def assert_equal_curves(
    one: list[dict[str, float]], other: list[dict[str, float]], tolerance: float = 2e-5
) -> None:
    assert [line["step"] for line in one] == [line["step"] for line in other]
    for a, b in zip(one, other, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], abs=tolerance)
        assert a["grad_norm"] == pytest.approx(b["grad_norm"], abs=10 * tolerance)


def test_a_resume_may_use_other_micro_batches(
    tiny_llama: TinyModel, ask: Ask, tmp_path: Path
) -> None:
    work(ask(tiny_llama, tmp_path / "whole"), silent)
    place = tmp_path / "broken"
    with pytest.raises(Killed):
        work(ask(tiny_llama, place, train_batch=8), dying_after(3))
    work(ask(tiny_llama, place, train_batch=3), silent)
    assert_equal_curves(journal(tmp_path / "whole"), journal(place))


def dying_after(update: int) -> Any:
    def die(done: int, *_: Any, **__: Any) -> None:
        if done == update:
            raise Killed

    return die


def test_the_loss_is_the_mean_over_label_tokens_of_a_plain_forward_pass(
    tiny_model: TinyModel, ask: Ask, news: list[Sentence], tmp_path: Path
) -> None:
    """Shared prefixes and cut logits must not change the loss or any gradient."""
    encoder = Encoder(load_tokenizer(tiny_model.folder), tiny_model.backbone, BIO)
    examples = GnerExamples(news[:3], encoder, ask(tiny_model).train)
    rows = [examples[(0, i)] for i in range(3)]
    shape = PassShape(tiny_model.backbone.family == "encoder_decoder")
    batch = collate(rows, pad=0, share_prefix=True, shape=shape)
    model = load_model(tiny_model.folder, tiny_model.backbone, dtype="float32").eval()
    tokens = sum(len(row.target) for row in rows)
    settings = TrainingArguments(str(tmp_path), report_to=[])
    trainer = StageTrainer(
        model=model, args=settings, batches=None, label_tokens=[tokens], largest=None, keep=1
    )
    loss = trainer.compute_loss(model, batch)
    loss.backward()
    ours = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    summed = torch.zeros(())
    for row in rows:
        if tiny_model.backbone.family == "encoder_decoder":
            ids, labels = row.source, row.target
        else:
            ids = row.source + row.target
            labels = [IGNORED] * len(row.source) + row.target
        output = model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels]))
        summed = summed + output.loss * len(row.target)
    plain = summed / tokens
    plain.backward()
    assert loss.item() == pytest.approx(plain.item(), abs=1e-5)
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(ours[name], parameter.grad, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("killed_after", [1, 3, 4])
def test_a_killed_training_goes_on_to_the_same_weights(
    tiny_model: TinyModel, ask: Ask, whole_training: Whole, tmp_path: Path, killed_after: int
) -> None:
    whole, broken = whole_training(tiny_model), tmp_path / "broken"
    with pytest.raises(Killed):
        work(ask(tiny_model, broken), dying_after(killed_after))
    assert not (broken / "out" / "model.safetensors").exists()
    summary = work(ask(tiny_model, broken), silent)["summary"]
    assert summary["resumed_from"] == {1: 0, 3: 2, 4: 2}[killed_after]
    assert journal(whole) == journal(broken)
    one = load_file(whole / "out" / "model.safetensors")
    two = load_file(broken / "out" / "model.safetensors")
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_half_a_checkpoint_is_not_taken_for_one(
    tiny_llama: TinyModel, ask: Ask, tmp_path: Path
) -> None:
    asked = ask(tiny_llama)
    for half in (".writing/checkpoint-4", "checkpoint-4"):
        folder = Path(asked.scratch) / half
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"half")
    assert checkpoints(Path(asked.scratch)) == []
    assert work(asked, silent)["summary"]["resumed_from"] == 0


def test_frozen_layers_stay_and_the_others_move(
    tiny_model: TinyModel, ask: Ask, tmp_path: Path
) -> None:
    work(ask(tiny_model, train={"frozen_layers": 1}), silent)
    before = load_file(tiny_model.folder / "model.safetensors")
    after = load_file(tmp_path / "out" / "model.safetensors")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(".1." in name for name in moved)
    assert not any("block.0." in n or "layers.0." in n or "shared" in n for n in moved)


def test_sentences_over_the_limits_are_counted_or_refused(
    tiny_llama: TinyModel, ask: Ask, news: list[Sentence], tmp_path: Path
) -> None:
    long = Sentence("long", "news", news[0].words * 40, news[0].tags * 40, news[0].types)
    summary = work(ask(tiny_llama, sentences=[*news, long]), silent)["summary"]
    assert (summary["sentences"], summary["left_out"]) == (25, 1)
    strict = {"too_long": "error"}
    with pytest.raises(InputError, match=r"long: prompt \d+ and target \d+ tokens"):
        work(ask(tiny_llama, tmp_path / "b", sentences=[*news, long], train=strict), silent)
    with pytest.raises(InputError, match="every training sentence"):
        work(ask(tiny_llama, tmp_path / "c", sentences=[long]), silent)
