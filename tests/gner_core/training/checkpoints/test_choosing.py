"""Which weights are published: the last, or the best on sentences that are not trained on."""

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from gner_core.backbones.encoder import Encoder
from gner_core.backbones.load import load_model, load_tokenizer
from gner_core.errors import InputError
from gner_core.records import Sentence
from gner_core.systems.gner.targets import BIO
from gner_core.training import trainer
from gner_core.training.adapters import save_published
from gner_core.training.checkpoints.resume import checkpoints, newest_whole
from gner_core.training.data.batches import PassShape
from gner_core.training.data.examples import GnerExamples, collate
from gner_core.training.data.validation import validation_steps
from gner_core.training.loss import summed_cross_entropy
from gner_core.training.worker import work
from tests.gner_core.conftest import TinyModel
from tests.gner_core.training.conftest import Ask, journal, silent
from tests.gner_core.training.test_training import Killed, dying_after

HELD_OUT = {"kind": "held_out", "sentences": 8, "seed": 5, "every": 1}
RISING = {"epochs": 4, "learning_rate": 4.0, "schedule": "constant", "warmup_share": 1.0}
"""The rate climbs to one at which the loss ends at more than twice its lowest value."""


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_file(folder / "model.safetensors"))


def equal(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_published_weights_are_those_with_the_lowest_validation_loss(
    tiny_model: TinyModel, ask: Ask, tmp_path: Path
) -> None:
    asked = ask(tiny_model, choose=HELD_OUT, train=RISING, checkpoint_every=1, keep_checkpoints=99)
    chosen = work(asked, silent)["summary"]["chosen"]
    curve = [line["validation_loss"] for line in journal(tmp_path)]
    assert len(curve) == 8  # 16 of 24 sentences, 8 an update, 4 epochs
    assert chosen["validation_loss"] == min(curve)
    assert chosen["update"] == curve.index(min(curve)) + 1 < 8
    assert (chosen["by"], chosen["sentences"], chosen["left_out"]) == ("held_out", 8, 0)
    assert equal(tmp_path / "out", tmp_path / "scratch" / f"checkpoint-{chosen['update']}")


def test_the_validation_loss_is_that_of_the_published_weights_without_dropout(
    tiny_model: TinyModel, ask: Ask, news: list[Sentence], tmp_path: Path
) -> None:
    choose = {"kind": "sample", "every": "epoch", "data": sample()}
    asked = ask(tiny_model, sentences=news[:16], validation=news[16:], choose=choose)
    chosen = work(asked, silent)["summary"]["chosen"]
    encoder = Encoder(load_tokenizer(tiny_model.folder), tiny_model.backbone, BIO)
    examples = GnerExamples(news[16:], encoder, asked.train)
    rows = [examples[(0, index)] for index in range(8)]
    model = load_model(tmp_path / "out", tiny_model.backbone, dtype="float32").eval()
    shape = PassShape(tiny_model.backbone.family == "encoder_decoder")
    summed = 0.0
    for row in rows:  # one at a time, by transformers' own loss
        batch = collate([row], pad=0, share_prefix=False, shape=shape)
        given = {name: values for name, values in batch.items() if name != "prefix"}
        summed += model(**given).loss.item() * len(row.target)
    tokens = sum(len(row.target) for row in rows)
    assert chosen["validation_loss"] == pytest.approx(summed / tokens, abs=1e-5)
    assert chosen["label_tokens"] == tokens


def sample() -> dict[str, Any]:
    return {"corpora": ["news"], "split": "valid", "per_corpus": 8, "method": "first", "seed": 1}


def test_validation_changes_nothing_in_the_training(
    tiny_llama: TinyModel, ask: Ask, news: list[Sentence], tmp_path: Path
) -> None:
    plain, validated = tmp_path / "plain", tmp_path / "validated"
    work(ask(tiny_llama, plain, sentences=news[:16]), silent)
    choose = {"kind": "sample", "every": 1, "data": sample()}
    asked = ask(tiny_llama, validated, sentences=news[:16], validation=news[16:], choose=choose)
    work(asked, silent)
    without = [{k: v for k, v in x.items() if k != "validation_loss"} for x in journal(validated)]
    assert journal(plain) == without


def test_a_killed_training_chooses_the_same_weights(
    tiny_llama: TinyModel, ask: Ask, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    first = work(ask(tiny_llama, whole, choose=HELD_OUT, train=RISING), silent)
    asked = ask(tiny_llama, broken, choose=HELD_OUT, train=RISING)
    with pytest.raises(Killed):
        work(asked, dying_after(5))
    shutil.rmtree(broken / "scratch" / "best")  # the newest ones may be lost with a kill
    assert work(asked, silent)["summary"]["chosen"] == first["summary"]["chosen"]
    assert journal(whole) == journal(broken)
    assert equal(whole / "out", broken / "out")


def test_damaged_best_weights_damage_their_checkpoint(
    tiny_llama: TinyModel, ask: Ask, tmp_path: Path
) -> None:
    asked = ask(tiny_llama, choose=HELD_OUT, keep_checkpoints=3)
    with pytest.raises(Killed):
        work(asked, dying_after(4))
    kept = checkpoints(Path(asked.scratch))
    assert [path.name for path in kept] == ["checkpoint-2"]
    (kept[0] / "best" / "model.safetensors").write_bytes(b"x")
    said: list[str] = []
    assert newest_whole(Path(asked.scratch), warn=said.append) is None
    assert "best/model.safetensors has 1 bytes" in said[0]


def test_best_weights_that_cannot_be_written_stop_with_a_way_out(
    tiny_llama: TinyModel, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, place = tmp_path / "whole", tmp_path / "full"
    work(ask(tiny_llama, whole, choose=HELD_OUT), silent)
    asked = ask(tiny_llama, place, choose=HELD_OUT)
    fault: Exception = OSError(errno.ENOSPC, "No space left on device")

    def full(*arguments: Any, **options: Any) -> None:
        if (place / "scratch" / "checkpoint-2").exists():
            raise fault
        save_published(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "save_published", full)
        with pytest.raises(InputError, match=r"of update 3, cannot be written .* free some space"):
            work(asked, silent)
        fault = TypeError("no such number")  # the program's: it keeps its traceback
        with pytest.raises(TypeError, match="no such number"):
            work(asked, silent)
    assert work(asked, silent)["summary"]["resumed_from"] == 2
    assert equal(whole / "out", place / "out")


def test_a_validation_loss_that_is_no_number_stops_before_anything_is_kept(
    tiny_llama: TinyModel, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = summed_cross_entropy

    def broken(*given: torch.Tensor) -> torch.Tensor:
        return plain(*given) if torch.is_grad_enabled() else torch.tensor(float("nan"))

    monkeypatch.setattr(trainer, "summed_cross_entropy", broken)
    with pytest.raises(InputError, match=r"update 2: the validation loss is nan; training stopped"):
        work(ask(tiny_llama, choose={**HELD_OUT, "every": 2}), silent)
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_all_sentences_held_out_leave_none_to_train_on(tiny_llama: TinyModel, ask: Ask) -> None:
    with pytest.raises(InputError, match="24 held out of 24 leave none to train on"):
        work(ask(tiny_llama, choose={**HELD_OUT, "sentences": 24}), silent)


def test_validation_steps_are_at_intervals_or_ends_of_epochs_and_at_the_end() -> None:
    updates = [[(0, 0), (0, 1)], [(0, 2), (1, 0)], [(1, 1), (1, 2)], [(2, 0)], [(2, 1)]]
    assert validation_steps(2, updates) == {2, 4, 5}
    assert validation_steps(99, updates) == {5}
    assert validation_steps("epoch", updates) == {2, 3, 5}


def test_the_summary_on_disk_says_what_was_chosen(
    tiny_llama: TinyModel, ask: Ask, tmp_path: Path
) -> None:
    work(ask(tiny_llama), silent)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["chosen"] == {"update": 6, "by": "last"}
