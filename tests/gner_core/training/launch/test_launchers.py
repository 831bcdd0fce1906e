"""One process, two ranks and ZeRO: the same curve, and checkpoints that load in each other.

pytest -m slow tests/gner_core/training/launch/test_launchers.py
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from gner_core.runtime.worker import REQUEST, RESULT
from gner_core.training.stage import TrainRequest
from gner_core.training.worker import work
from tests.gner_core.conftest import TinyModel
from tests.gner_core.training.conftest import Ask, journal, silent

pytestmark = pytest.mark.slow
SHARED_MEMORY = Path("/dev/shm")
TORCHRUN = {"kind": "torchrun", "processes": 2}
PLAIN = {"kind": "plain"}
HELD_OUT = {"kind": "held_out", "sentences": 5, "seed": 5, "every": 2}


def zero(root: Path, stage: int | str) -> dict[str, Any]:
    config = str(root / "params" / "deepspeed" / f"zero{stage}.json")
    return {"kind": "deepspeed", "processes": 2, "config": config}


def start(request: Any, place: Path) -> "subprocess.Popen[bytes]":
    file = place / "scratch" / REQUEST
    file.write_text(request.model_dump_json())
    (place / "scratch" / RESULT).unlink(missing_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu"}
    with (place / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "gner_core.training.worker", str(file)],
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )


def finish(process: "subprocess.Popen[bytes]", place: Path) -> None:
    assert process.wait(240) == 0, (place / "log").read_text()[-3000:]


def assert_same(one: list[dict[str, float]], other: list[dict[str, float]]) -> None:
    assert [line["step"] for line in one] == [line["step"] for line in other]
    for a, b in zip(one, other, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], abs=1e-4)
        if "grad_norm" in b:  # ZeRO 0 does not know it
            assert a["grad_norm"] == pytest.approx(b["grad_norm"], abs=1e-3)
        if "validation_loss" in a:
            assert a["validation_loss"] == pytest.approx(b["validation_loss"], abs=1e-4)


def until(seen: Callable[[], Any], *, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wanted(
    model: TinyModel,
    ask: Ask,
    place: Path,
    launcher: dict[str, Any],
    *,
    epochs: int,
    train_batch: int = 2,
) -> TrainRequest:
    """Validation steps and a shorter last update; all checkpoints are kept."""
    changes = {"train_batch": train_batch, "launcher": launcher, "keep_checkpoints": 99}
    train = {"global_batch": 7, "epochs": epochs}
    return ask(model, place, train=train, choose=HELD_OUT, **changes)


def trained(
    model: TinyModel, ask: Ask, place: Path, launcher: dict[str, Any], **changes: int
) -> list[dict[str, float]]:
    """The curve of a training."""
    asked = wanted(model, ask, place, launcher, **changes)
    if launcher == PLAIN:
        work(asked, silent)
    else:
        finish(start(asked, place), place)
    return journal(place)


def hand_over(giver: Path, taker: Path, update: int) -> None:
    name = f"scratch/checkpoint-{update}"
    shutil.copytree(giver / name, taker / name)


def resumed_from(place: Path) -> int:
    update: int = json.loads((place / "out" / "summary.json").read_text())["resumed_from"]
    return update


def chosen(place: Path) -> int:
    update: int = json.loads((place / "out" / "summary.json").read_text())["chosen"]["update"]
    return update


def test_two_ranks_end_with_their_supervisor_and_one_process_goes_on_to_the_same_curve(
    tiny_llama: TinyModel, ask: Ask, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    curve = trained(tiny_llama, ask, one, PLAIN, epochs=20)
    supervisor = start(wanted(tiny_llama, ask, two, TORCHRUN, epochs=20), two)
    until(lambda: list((two / "scratch").glob("checkpoint-*")))
    family = psutil.Process(supervisor.pid).children(recursive=True)
    assert len(family) >= 3  # the launcher and two ranks
    supervisor.kill()
    assert psutil.wait_procs(family, timeout=20)[1] == []
    supervisor.wait(20)
    assert_same(curve, trained(tiny_llama, ask, two, PLAIN, epochs=20))
    assert 0 < resumed_from(two) < len(curve)


@pytest.mark.parametrize("stage", ["0", "1", "2", "3", "2-offload", "3-offload"])
def test_zero_gives_the_curve_of_one_and_takes_its_checkpoints(
    steady_model: TinyModel, ask: Ask, tmp_path: Path, root: Path, stage: str
) -> None:
    """Twenty updates and more; from one process to ZeRO, and from ZeRO to two ranks."""
    one, zeros, there, back = (tmp_path / name for name in ("one", "zero", "there", "back"))
    launcher = zero(root, stage)
    curve = trained(steady_model, ask, one, PLAIN, epochs=8)
    assert len(curve) == 22
    assert_same(curve, trained(steady_model, ask, zeros, launcher, epochs=8))
    assert chosen(zeros) == chosen(one)
    hand_over(one, there, 10)
    assert_same(curve, trained(steady_model, ask, there, launcher, epochs=8))
    hand_over(zeros, back, 12)
    assert_same(curve, trained(steady_model, ask, back, TORCHRUN, epochs=8))
    assert (resumed_from(there), resumed_from(back)) == (10, 12)
    assert chosen(there) == chosen(back) == chosen(one)


def test_accumulation_and_ranks_change_neither_loss_nor_gradient(
    steady_model: TinyModel, ask: Ask, tmp_path: Path
) -> None:
    """Seven sentences an update: 1, 4 and 7 micro-batches on one rank, 1 and 4 on each of two."""
    curves = [
        trained(steady_model, ask, tmp_path / f"{n}", launcher, epochs=8, train_batch=size)
        for n, (launcher, size) in enumerate(
            [(PLAIN, 7), (PLAIN, 2), (PLAIN, 1), (TORCHRUN, 4), (TORCHRUN, 1)]
        )
    ]
    assert len(curves[0]) == 22
    for curve in curves[1:]:
        assert_same(curves[0], curve)


def test_a_loss_that_is_no_number_ends_all_ranks_with_the_message(
    steady_model: TinyModel, ask: Ask, tmp_path: Path
) -> None:
    wild = {"learning_rate": 1e30, "epochs": 8}
    asked = ask(steady_model, tmp_path, train=wild, launcher=TORCHRUN)
    assert start(asked, tmp_path).wait(120) == 2
    error = json.loads((tmp_path / "scratch" / RESULT).read_text())["error"]
    assert "is nan; training stopped" in error or "runs away" in error or "is inf" in error


def test_sigterm_stops_all_ranks_behind_a_checkpoint(
    tiny_model: TinyModel, ask: Ask, tmp_path: Path
) -> None:
    asked = ask(tiny_model, train={"epochs": 40}, launcher=TORCHRUN, checkpoint_every=999)
    supervisor = start(asked, tmp_path)
    until((tmp_path / "scratch" / "progress.jsonl").exists)
    supervisor.terminate()
    assert supervisor.wait(60) == 143
    (checkpoint,) = (tmp_path / "scratch").glob("checkpoint-*")
    finish(start(asked, tmp_path), tmp_path)
    assert f"checkpoint-{resumed_from(tmp_path)}" == checkpoint.name
    assert len(journal(tmp_path)) == 120


def test_deepspeed_leaves_no_shared_memory_even_if_it_is_killed(
    tiny_llama: TinyModel, ask: Ask, tmp_path: Path, root: Path
) -> None:
    before = set(SHARED_MEMORY.glob("deepspeed*"))
    supervisor = start(ask(tiny_llama, train={"epochs": 300}, launcher=zero(root, "1")), tmp_path)
    until((tmp_path / "scratch" / "progress.jsonl").exists, seconds=240)
    supervisor.kill()
    supervisor.wait(20)
    # Trainings of other tests have buffers with names, too, until they have started.
    until(lambda: not set(SHARED_MEMORY.glob("deepspeed*")) - before, seconds=240)


def test_no_rank_outlives_its_launcher(tiny_llama: TinyModel, ask: Ask, tmp_path: Path) -> None:
    asked = ask(tiny_llama, train={"epochs": 300}, launcher=TORCHRUN)
    supervisor = start(asked, tmp_path)
    until((tmp_path / "scratch" / "progress.jsonl").exists)
    launcher, *ranks = psutil.Process(supervisor.pid).children(recursive=True)
    assert len(ranks) >= 2
    launcher.kill()
    assert psutil.wait_procs(ranks, timeout=20)[1] == []
    supervisor.wait(20)
