"""Starting ranks: the commands, what they get, and what their end means; a script plays them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from gner_core.config.execution import DeepspeedLauncher, TorchrunLauncher
from gner_core.errors import InputError
from gner_core.training.launch import ranks
from gner_core.training.launch.lifeline import LIFELINE, STOP
from gner_core.training.launch.ranks import RANK_RESULT, supervise
from gner_core.training.memory import LIMIT, halve

TORCHRUN = TorchrunLauncher(kind="torchrun", processes=2)
DEEPSPEED = DeepspeedLauncher(kind="deepspeed", processes=4, config="zero1.json")
DONE = f"""echo '{{"ok": true, "updates": 6}}' > {RANK_RESULT}"""
REQUEST = "request.json"


@dataclass
class Started:
    """What was started instead of launchers: shell scripts, one after the other."""

    scripts: list[str] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)
    environments: list[dict[str, str]] = field(default_factory=list)


Play = Callable[..., Started]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Let shell scripts run in the place of launchers, in the scratch folder."""
    popen = subprocess.Popen
    monkeypatch.setattr(ranks, "POLL_SECONDS", 0.01)

    def make(*scripts: str) -> Started:
        started = Started([*scripts])

        def start(command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
            started.commands.append(command)
            started.environments.append(options["env"])
            return popen(["sh", "-c", started.scripts.pop(0)], cwd=tmp_path, **options)

        monkeypatch.setattr(subprocess, "Popen", start)
        return started

    return make


def words(command: list[str]) -> list[str]:
    """A command without the number of its port, which any free one may be."""
    return [word.partition("port=")[0] if "port=" in word else word for word in command]


def test_torchrun_starts_one_rank_per_device_on_this_machine(play: Play, tmp_path: Path) -> None:
    started = play(DONE)
    assert supervise(REQUEST, TORCHRUN, scratch=tmp_path) == {"updates": 6}
    assert words(started.commands[0]) == [
        *(sys.executable, "-m", "torch.distributed.run", "--nnodes=1"),
        *("--master-addr=127.0.0.1", "--master-", "--nproc-per-node=2"),
        *("--module", "gner_core.training.worker", REQUEST),
    ]


def test_deepspeed_starts_its_ranks_here_or_on_the_machines_of_a_hostfile(
    play: Play, tmp_path: Path
) -> None:
    hostfile = tmp_path / "hosts"
    machines = DEEPSPEED.model_copy(update={"hostfile": str(hostfile)})
    with pytest.raises(InputError, match=r"hosts: no such hostfile; see params/deepspeed"):
        supervise(REQUEST, machines, scratch=tmp_path)
    hostfile.write_text("one slots=4\ntwo slots=4\n")
    started = play(DONE, DONE)
    for launcher in (DEEPSPEED, machines):
        supervise(REQUEST, launcher, scratch=tmp_path)
    runner = [sys.executable, "-m", "deepspeed.launcher.runner", "--no_local_rank", "--master_"]
    worker = ["--module", "gner_core.training.worker", REQUEST]
    here = ["--hostfile=/dev/null", "--master_addr=127.0.0.1", "--num_gpus=4"]
    assert [words(command) for command in started.commands] == [
        [*runner, *here, *worker],
        [*runner, f"--hostfile={hostfile}", *worker],
    ]


def test_ranks_find_the_programs_of_this_environment_and_print_at_once(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("KEPT", "as it is")
    started = play(DONE)
    supervise(REQUEST, TORCHRUN, scratch=tmp_path)
    given = started.environments[0]
    assert given["PATH"] == f"{Path(sys.executable).parent}:/usr/bin:/bin"
    assert (given["PYTHONUNBUFFERED"], given["KEPT"]) == ("1", "as it is")


def test_the_message_of_rank_0_is_kept(play: Play, tmp_path: Path) -> None:
    play(f"""echo '{{"ok": false, "error": "line 3 is wrong"}}' > {RANK_RESULT}; exit 1""")
    with pytest.raises(InputError, match=r"^line 3 is wrong$"):
        supervise(REQUEST, TORCHRUN, scratch=tmp_path)


def test_ranks_that_die_without_a_result_are_an_error_with_their_code(
    play: Play, tmp_path: Path
) -> None:
    (tmp_path / RANK_RESULT).write_text('{"ok": true}')  # of an earlier attempt
    play("exit 7")
    with pytest.raises(RuntimeError, match="the ranks of deepspeed ended with code 7"):
        supervise(REQUEST, DEEPSPEED, scratch=tmp_path)


def test_ranks_that_were_out_of_memory_are_started_again_with_a_smaller_batch(
    play: Play, tmp_path: Path
) -> None:
    halve(tmp_path, 8)
    smaller = f"""echo '{{"micro_batch": 2}}' > {LIMIT}; exit 1"""
    started = play(smaller, DONE)
    assert supervise(REQUEST, TORCHRUN, scratch=tmp_path) == {"updates": 6}
    assert len(started.commands) == 2
    play("exit 1")  # and no further where nothing has changed
    with pytest.raises(RuntimeError, match="ended with code 1"):
        supervise(REQUEST, TORCHRUN, scratch=tmp_path)


def test_sigterm_asks_the_ranks_to_stop_and_is_passed_on_as_the_exit_code(
    play: Play, tmp_path: Path
) -> None:
    (tmp_path / STOP).touch()  # of an earlier attempt: nobody wants this one to stop yet
    play(f"[ ! -e {STOP} ] || exit 9; until [ -e {STOP} ]; do sleep 0.01; done")
    before = signal.getsignal(signal.SIGTERM)

    def terminate() -> None:
        while signal.getsignal(signal.SIGTERM) == before:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    sender = threading.Thread(target=terminate, daemon=True)
    sender.start()
    with pytest.raises(SystemExit) as end:
        supervise(REQUEST, TORCHRUN, scratch=tmp_path)
    sender.join(5)
    assert end.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == before


def test_no_process_of_a_launcher_outlives_it(play: Play, tmp_path: Path) -> None:
    play(f"sleep 60 & echo $! > left; {DONE}")
    supervise(REQUEST, TORCHRUN, scratch=tmp_path)
    try:
        left = psutil.Process(int((tmp_path / "left").read_text()))
        psutil.wait_procs([left], timeout=5)
        assert left.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        pass


def test_the_lifeline_of_the_ranks_is_held_while_they_run(play: Play, tmp_path: Path) -> None:
    """Whoever gets the lock knows that the supervisor has gone."""
    play(f"flock --nonblock --shared {LIFELINE} true && exit 1; {DONE}")
    assert supervise(REQUEST, TORCHRUN, scratch=tmp_path) == {"updates": 6}
    free = ["flock", "--nonblock", "--shared", str(tmp_path / LIFELINE), "true"]
    assert os.spawnvp(os.P_WAIT, free[0], free) == 0
