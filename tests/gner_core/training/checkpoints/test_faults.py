"""What can go wrong in a training: each with its message, and nothing lost."""

import errno
import os
import shutil
import traceback
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from gner_core.errors import InputError
from gner_core.training import trainer, worker
from gner_core.training.checkpoints.resume import checkpoints, disk_is_full
from gner_core.training.launch.lifeline import STOP
from gner_core.training.trainer import StageTrainer
from gner_core.training.worker import work
from tests.conftest import room_for
from tests.gner_core.conftest import TinyModel, backbone
from tests.gner_core.training.conftest import Ask, Whole, journal, silent
from tests.gner_core.training.test_training import Killed, dying_after


def test_damaged_weights_are_named(steady_model: TinyModel, ask: Ask) -> None:
    weights = steady_model.folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError, match=rf"{weights}: broken weights \(.*\); get the file again"):
        work(ask(steady_model), silent)


def test_a_link_to_weights_that_are_not_there_is_named(steady_model: TinyModel, ask: Ask) -> None:
    weights = steady_model.folder / "model.safetensors"
    weights.unlink()
    weights.symlink_to("elsewhere")
    with pytest.raises(InputError, match=rf"{weights}: broken weights"):
        work(ask(steady_model), silent)


def test_missing_weights_are_named(steady_model: TinyModel, ask: Ask) -> None:
    (steady_model.folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="cannot load tiny"):
        work(ask(steady_model), silent)


def test_another_architecture_is_named(tiny_model: TinyModel, ask: Ask) -> None:
    other = {"encoder_decoder": "decoder_only", "decoder_only": "encoder_decoder"}
    wrong = backbone(other[tiny_model.backbone.family])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="cannot load tiny"):
        work(ask(TinyModel(tiny_model.folder, wrong)), silent)


def test_a_missing_tensor_is_named(steady_model: TinyModel, ask: Ask) -> None:
    file = steady_model.folder / "model.safetensors"
    weights = load_file(file)
    name = max(weights)
    del weights[name]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(InputError, match="weights are missing: "):
        work(ask(steady_model), silent)


def test_tensors_of_other_sizes_are_named(steady_model: TinyModel, ask: Ask) -> None:
    file = steady_model.folder / "model.safetensors"
    halved = {name: tensor[: len(tensor) // 2].clone() for name, tensor in load_file(file).items()}
    save_file(halved, file, metadata={"format": "pt"})
    with pytest.raises(InputError, match="weights of another size: "):
        work(ask(steady_model), silent)


@pytest.mark.parametrize("place", ["/proc/nowhere", "/sys/kernel"])
@pytest.mark.parametrize("folder", ["output", "scratch"])
def test_a_folder_that_cannot_be_written_is_named_before_any_work(
    tiny_llama: TinyModel, ask: Ask, folder: str, place: str
) -> None:
    asked = ask(tiny_llama).model_copy(update={folder: place})
    with pytest.raises(InputError, match=rf"{place}: cannot be written .*; nothing was"):
        work(asked, silent)


def test_a_loss_that_is_no_number_stops_with_the_last_checkpoint(
    tiny_llama: TinyModel, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = StageTrainer.compute_loss

    def broken(self: StageTrainer, *args: Any, **options: Any) -> Any:
        factor = float("nan") if self.state.global_step == 4 else 1.0
        return plain(self, *args, **options) * factor

    monkeypatch.setattr(StageTrainer, "compute_loss", broken)
    asked = ask(tiny_llama)
    with pytest.raises(InputError, match=r"update 5: the loss is nan; .*checkpoint of update 4"):
        work(asked, silent)
    assert [path.name for path in checkpoints(Path(asked.scratch))] == ["checkpoint-4"]


def test_a_loss_that_runs_away_stops_the_training(
    tiny_llama: TinyModel, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = StageTrainer.compute_loss

    def rising(self: StageTrainer, *args: Any, **options: Any) -> Any:
        return plain(self, *args, **options) * (1 + self.state.global_step / 10)

    monkeypatch.setattr(StageTrainer, "compute_loss", rising)
    asked = ask(tiny_llama, train={"epochs": 10, "learning_rate": 1e-9}, checkpoint_every=10)
    with pytest.raises(InputError, match=r"the loss runs away: .* try a lower learning_rate"):
        work(asked.model_copy(update={"execution": _impatient(asked.execution)}), silent)


def _impatient(execution: Any) -> Any:
    return execution.model_copy(update={"diverged_factor": 1.2})


def test_running_out_of_memory_halves_the_micro_batch_and_changes_nothing(
    tiny_llama: TinyModel,
    ask: Ask,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work(ask(tiny_llama, tmp_path / "whole"), silent)
    plain = StageTrainer.compute_loss

    def greedy(self: StageTrainer, model: Any, inputs: Any, *args: Any, **options: Any) -> Any:
        if len(inputs["labels"]) > 2 and self.state.global_step >= 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, model, inputs, *args, **options)

    monkeypatch.setattr(StageTrainer, "compute_loss", greedy)
    place = tmp_path / "small"
    summary = work(ask(tiny_llama, place), silent)["summary"]
    assert (summary["micro_batch"], summary["resumed_from"]) == (2, 2)
    assert "out of memory with micro-batches of 4; going on with 2" in capsys.readouterr().err
    for one, other in zip(journal(tmp_path / "whole"), journal(place), strict=True):
        assert one["loss"] == pytest.approx(other["loss"], abs=2e-5)


def test_memory_that_does_not_hold_one_sentence_is_a_clear_end(
    tiny_llama: TinyModel, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(StageTrainer, "compute_loss", greedy)
    with pytest.raises(InputError, match="out of memory with one sentence per device"):
        work(ask(tiny_llama), silent)


def test_a_stop_writes_a_checkpoint_first(
    tiny_llama: TinyModel,
    ask: Ask,
    whole_training: Whole,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = tmp_path / "stopped"
    asked = ask(tiny_llama, place, checkpoint_every=100)

    def stop(done: int, *_: Any, **__: Any) -> None:
        if done == 2:
            (place / "scratch" / STOP).touch()

    with pytest.raises(SystemExit) as end:
        work(asked, stop)
    assert end.value.code == 143
    said = "stopped after update 3 of 6; the same command goes on from the checkpoint of update 3"
    assert said in capsys.readouterr().err
    (place / "scratch" / STOP).unlink()
    assert work(asked, silent)["summary"]["resumed_from"] == 3
    assert journal(whole_training(tiny_llama)) == journal(place)


def test_a_stop_whose_checkpoint_cannot_be_written_says_where_it_goes_on(
    tiny_llama: TinyModel,
    ask: Ask,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    failing_at(monkeypatch, 2)

    def stop(done: int, *_: Any, **__: Any) -> None:
        if done == 2:
            (tmp_path / "scratch" / STOP).touch()

    with pytest.raises(SystemExit):
        work(ask(tiny_llama), stop)
    said = "stopped after update 3 of 6; the same command goes on from the checkpoint of update 2"
    assert said in capsys.readouterr().err


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    tiny_llama: TinyModel,
    ask: Ask,
    whole_training: Whole,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = tmp_path / "broken"
    asked = ask(tiny_llama, place, keep_checkpoints=2)
    with pytest.raises(Killed):
        work(asked, dying_after(5))
    weights = place / "scratch" / "checkpoint-4" / "optimizer.safetensors"
    data = bytearray(weights.read_bytes())
    data[-5] ^= 1
    weights.write_bytes(bytes(data))
    assert work(asked, silent)["summary"]["resumed_from"] == 2
    error = capsys.readouterr().err
    assert "checkpoint-4: damaged (optimizer.safetensors has another check sum)" in error
    assert "going on from update 2" in error
    assert journal(whole_training(tiny_llama)) == journal(place)


LARGE = {"weight": torch.zeros(1 << 16)}
WAYS: dict[str, Callable[[Path], object]] = {
    "write": lambda folder: (folder / "large").write_bytes(bytes(1 << 18)),
    "safetensors": lambda folder: save_file(LARGE, folder / "large"),
    "torch": lambda folder: torch.save(LARGE, folder / "large"),
    "copytree": lambda folder: shutil.copytree(large_folder(folder), folder / "large"),
}
"""Of writing a file of 256 KB."""


def large_folder(beside: Path) -> Path:
    folder = beside.parent / "source"
    folder.mkdir()
    with (folder / "large").open("wb") as file:
        file.truncate(1 << 18)
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_a_full_disk_is_known_however_its_error_arrives(small_disk: Path, way: str) -> None:
    with pytest.raises(Exception) as fault:  # noqa: PT011 (each library raises its own)
        WAYS[way](small_disk)
    assert disk_is_full(fault.value, small_disk)


@pytest.mark.parametrize("way", WAYS)
def test_a_limit_of_file_sizes_is_no_full_disk(tmp_path: Path, way: str) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    with room_for(40_000), pytest.raises(Exception) as fault:  # noqa: PT011
        WAYS[way](folder)
    assert not disk_is_full(fault.value, folder)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_costs_a_checkpoint_but_not_the_training(
    tiny_llama: TinyModel,
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(trainer, "save_file", full)
    asked = ask(tiny_llama)
    assert work(asked, full)["summary"]["updates"] == 6
    error = capsys.readouterr().err
    said = f"no checkpoint after update 4 ([Errno {number}] {os.strerror(number)}); training goes"
    assert said in error
    assert "free some space" in error and "Traceback" not in error
    assert "progress cannot be written" in error


def failing_at(monkeypatch: pytest.MonkeyPatch, *saves: int) -> None:
    """Let the writing of some checkpoints, counted from 1, fail by a fault of the program."""
    number = count(1)

    def broken(*arguments: Any) -> None:
        if next(number) in saves:
            raise TypeError("no such number")
        save_file(*arguments)

    monkeypatch.setattr(trainer, "save_file", broken)


def test_a_checkpoint_that_fails_twice_in_a_row_stops_the_training_with_its_traceback(
    tiny_llama: TinyModel,
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    failing_at(monkeypatch, 2, 3)
    asked = ask(tiny_llama)
    with pytest.raises(TypeError, match="no such number") as end:
        work(asked, silent)
    assert "second checkpoint in a row" in "".join(traceback.format_exception(end.value))
    error = capsys.readouterr().err
    assert "Traceback" in error and "in broken" in error
    assert "no checkpoint after update 4 (no such number)" in error
    assert "free some space" not in error
    assert [path.name for path in checkpoints(Path(asked.scratch))] == ["checkpoint-2"]


def test_a_checkpoint_that_fails_once_leaves_the_training_running(
    tiny_llama: TinyModel, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_at(monkeypatch, 1, 3)
    assert work(ask(tiny_llama), silent)["summary"]["updates"] == 6


def test_a_result_without_room_keeps_the_training(
    tiny_llama: TinyModel, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask(tiny_llama)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(worker, "describe", full)
        with pytest.raises(InputError, match="goes on from the checkpoint of update 6"):
            work(asked, silent)
        patch.setattr(worker, "describe", lambda *_: {}["missing"])
        with pytest.raises(KeyError):
            work(asked, silent)
    assert work(asked, silent)["summary"]["resumed_from"] == 6


def test_a_system_that_takes_no_more_bytes_loses_nothing(
    tiny_llama: TinyModel,
    ask: Ask,
    whole_training: Whole,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = tmp_path / "full"
    asked = ask(tiny_llama, place, keep_checkpoints=9)
    with pytest.raises(Killed):
        work(asked, dying_after(3))
    with room_for(40_000), pytest.raises(SafetensorError, match="File too large"):
        work(asked, silent)
    assert "no checkpoint after update 4" in capsys.readouterr().err
    assert work(asked, silent)["summary"]["resumed_from"] == 2
    assert journal(whole_training(tiny_llama)) == journal(place)


@pytest.mark.slow
def test_no_room_for_a_look_halves_the_micro_batch_and_chooses_the_same(
    tiny_llama: TinyModel, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = {"kind": "held_out", "sentences": 8, "seed": 1, "every": 2}
    whole = work(ask(tiny_llama, tmp_path / "whole", choose=choose), silent)["summary"]
    plain = trainer.predicted_labels

    def greedy(inputs: Any) -> Any:
        if not torch.is_grad_enabled() and len(inputs["labels"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(inputs)

    monkeypatch.setattr(trainer, "predicted_labels", greedy)
    summary = work(ask(tiny_llama, tmp_path / "small", choose=choose), silent)["summary"]
    assert summary["micro_batch"] == 2
    assert summary["chosen"]["update"] == whole["chosen"]["update"]
    loss = whole["chosen"]["validation_loss"]
    assert summary["chosen"]["validation_loss"] == pytest.approx(loss, abs=2e-5)
