"""One training per GPU: which GPUs are meant, who waits for whom, and when a GPU is free again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from gner_core.errors import InputError
from gner_core.runtime import gpus as devices
from gner_core.runtime.gpus import (
    Gpu,
    claim,
    list_gpus,
    parse_listing,
    permitted,
    seize_gpu,
    use_gpus,
)
from tests.fake_gpus import UUIDS, listing, pretend

TWO = parse_listing(listing(2))
A, B = UUIDS[:2]


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(2, tmp_path, monkeypatch)


class User:
    """A process that uses GPUs."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.gner_core.runtime.gpu_user", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def told(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def waits(self) -> bool:
        time.sleep(3 * devices.POLL_SECONDS)
        return self.process.poll() is None


@pytest.fixture
def users() -> Iterator[list[User]]:
    started: list[User] = []
    yield started
    for user in started:
        user.process.kill()
        user.process.wait()


def start(users: list[User], *arguments: str, **environment: str) -> User:
    users.append(User(*arguments, **environment))
    return users[-1]


def test_a_split_gpu_stands_for_its_parts() -> None:
    text = (
        "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aa-1)\n"
        "  MIG 1g.10gb     Device  0: (UUID: MIG-bb-1)\n"
        "  MIG 1g.10gb     Device  1: (UUID: MIG-bb-2)\n"
        "GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-aa-2)\n"
    )
    assert [gpu.uuid for gpu in parse_listing(text)] == ["MIG-bb-1", "MIG-bb-2", "GPU-aa-2"]


@pytest.mark.parametrize(
    ("visible", "left"),
    [
        (None, [A, B]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("1", [B]),
        ("1,0", [B, A]),
        ("1,-1,0", [B]),
        (B, [B]),
        ("GPU-bbbb", [B]),
        ("0,0", [A]),
    ],
)
def test_cuda_visible_devices_restricts_the_choice(visible: str | None, left: list[str]) -> None:
    assert [gpu.uuid for gpu in permitted(TWO, visible, order=None)] == left


def test_a_gpu_that_is_not_here_is_an_error() -> None:
    with pytest.raises(InputError, match=rf"CUDA_VISIBLE_DEVICES=2: no GPU 2; .*0 \({A}\)"):
        permitted(TWO, "2", order=None)
    mixed = [Gpu("GPU-1", "NVIDIA A100"), Gpu("GPU-2", "NVIDIA T4")]
    with pytest.raises(InputError, match="name them by UUID"):
        permitted(mixed, "0", order=None)
    assert permitted(mixed, "0", order="PCI_BUS_ID") == (mixed[0],)


def test_without_gpus_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("GNER_GPU_LOCKS", str(tmp_path / "locks"))
    before = dict(os.environ)
    monkeypatch.setattr(devices, "DEVICES", tmp_path)
    assert list_gpus(None) == ()
    assert use_gpus(4, purpose="x") == ()
    assert os.environ == before
    assert not (tmp_path / "locks").exists()


HANGS, FAILS = "exec sleep 30", "echo 'driver and library differ'; exit 9"


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let nvidia-smi be a script, on a machine without device files of GPUs."""
    monkeypatch.setattr(devices, "DEVICES", tmp_path / "dev")
    monkeypatch.setattr(devices, "SMI_SECONDS", 0.3)
    (tmp_path / "dev" / "nvidia-caps").mkdir(parents=True)

    def write(script: str) -> None:
        pretend(0, tmp_path, monkeypatch)
        (tmp_path / "bin" / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")

    return write


@pytest.mark.parametrize(
    ("script", "fault"), [(HANGS, "no answer in 0.3 s"), (FAILS, "driver and library differ")]
)
def test_gpus_that_cannot_be_locked_are_not_used(
    broken: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    script: str,
    fault: str,
) -> None:
    broken(script)
    assert use_gpus(1, purpose="x") == ()
    told = capsys.readouterr().err
    assert fault in told and told.count("\n") == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(InputError, match=rf"CUDA_VISIBLE_DEVICES=0, but nvidia-smi .*{fault}"):
        use_gpus(1, purpose="x")
    seize_gpu(0, purpose="x")  # a launcher sets the variable on any machine
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    (tmp_path / "dev" / "nvidia0").touch()
    for take in (use_gpus, seize_gpu):
        with pytest.raises(InputError, match=rf"dev/nvidia0, but .*{fault}.* use no GPU"):
            take(1, purpose="x")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert use_gpus(1, purpose="x") == ()


def test_gpus_without_nvidia_smi_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(devices, "DEVICES", tmp_path)
    (tmp_path / "nvidiactl").touch()
    with pytest.raises(InputError, match=r"nvidiactl, but nvidia-smi fails .*No such file"):
        use_gpus(1, purpose="x")


@pytest.mark.usefixtures("two_gpus")
def test_more_gpus_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="3 GPUs are wanted and 2 are here"):
        use_gpus(3, purpose="x")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with pytest.raises(
        InputError, match="2 GPUs are wanted and 1 are here, CUDA_VISIBLE_DEVICES=1"
    ):
        use_gpus(2, purpose="x")


@pytest.mark.usefixtures("two_gpus")
def test_each_gets_a_gpu_of_its_own_and_the_third_waits_for_the_first_to_end(
    users: list[User],
) -> None:
    first, second = start(users, "1"), start(users, "1")
    seen = {first.answer()["visible"], second.answer()["visible"]}
    assert seen == {A, B}
    third = start(users, "1")
    assert third.told().startswith("gner: waiting for 1 of 2 GPUs, 0 taken so far; GPU-aaaa")
    assert third.waits()
    first.process.kill()
    first.process.wait()
    started = time.monotonic()
    assert third.answer()["visible"] in seen
    assert time.monotonic() - started < 5


@pytest.mark.usefixtures("two_gpus")
def test_who_waits_is_told_who_it_is_waiting_for(users: list[User]) -> None:
    holder = start(users, "2")
    assert holder.answer()["visible"] == f"{A},{B}"
    told = start(users, "1").told()
    assert f"{A}: training {holder.process.pid} (process {holder.process.pid} of user" in told


@pytest.mark.usefixtures("two_gpus")
def test_a_rank_that_ignores_sigterm_keeps_the_gpu_until_it_is_killed(users: list[User]) -> None:
    supervisor = start(users, "2", "rank")
    rank = psutil.Process(supervisor.answer()["rank"])
    try:
        supervisor.process.kill()
        supervisor.process.wait()
        rank.send_signal(signal.SIGTERM)
        second = start(users, "1", CUDA_VISIBLE_DEVICES="1")
        assert second.waits() and rank.is_running()
    finally:
        rank.kill()
    assert second.answer()["visible"] == B


@pytest.mark.usefixtures("two_gpus")
def test_different_choices_do_not_wait_for_each_other(users: list[User]) -> None:
    assert start(users, "1", CUDA_VISIBLE_DEVICES="0").answer()["visible"] == A
    waiting = start(users, "1", CUDA_VISIBLE_DEVICES="0")
    assert "waiting" in waiting.told()
    assert start(users, "1", CUDA_VISIBLE_DEVICES=B).answer()["visible"] == B
    assert waiting.waits()


def test_a_request_for_two_is_not_starved_and_a_dead_one_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GNER_GPU_LOCKS", str(tmp_path))
    got: list[str] = []

    def want(name: str, count: int) -> None:
        held = claim(count, TWO, purpose=name)
        got.append(name)
        time.sleep(0.3)
        for file in held.values():
            os.close(file)

    (tmp_path / "00000000000000000001-1.ticket").write_text(json.dumps([A, B]))  # of a dead process
    (running,) = claim(1, TWO, purpose="first").values()
    requests = [("two", 2), ("one", 1), ("another", 1)]
    threads = [threading.Thread(target=want, args=request) for request in requests]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    time.sleep(2 * devices.POLL_SECONDS)
    assert got == []  # the second GPU is promised to who came first
    assert "waiting behind others" in capsys.readouterr().err
    os.close(running)
    for thread in threads:
        thread.join(20)
    assert got[0] == "two" and sorted(got[1:]) == ["another", "one"]
    assert not list(tmp_path.glob("*.ticket"))


@pytest.mark.usefixtures("two_gpus")
def test_a_rank_of_several_machines_takes_its_gpu_and_does_not_wait(
    users: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")  # as a launcher sets it
    second = start(users, "1", "seize")
    assert second.answer()["visible"] == "0,1"
    with pytest.raises(InputError, match=rf"{B}: training {second.process.pid} \(process"):
        seize_gpu(1, purpose="train/other")
    first = start(users, "0", "seize")
    first.answer()
    with pytest.raises(InputError, match=rf"{A}: training {first.process.pid} \(process"):
        seize_gpu(0, purpose="train/other")


@pytest.mark.gpu
@pytest.mark.skipif(not list_gpus(None), reason="no GPU on this machine")
def test_torch_sees_the_gpu_that_was_taken_and_no_other(tmp_path: Path) -> None:
    code = (
        "from gner_core.runtime.gpus import use_gpus; taken = use_gpus(1, purpose='test'); import torch; "
        "assert torch.cuda.device_count() == 1; "
        "assert taken[0] == f'GPU-{torch.cuda.get_device_properties(0).uuid}', taken"
    )
    environment = {**os.environ, "GNER_GPU_LOCKS": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)
