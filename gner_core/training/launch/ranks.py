"""Starts the ranks of a training with torchrun or DeepSpeed, and leaves none behind.

The worker process becomes their supervisor: it holds their lifeline, passes SIGTERM on as a file,
starts the ranks again with smaller micro-batches where one ran out of memory, and returns the
result of rank 0.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from gner_core.config.execution import DeepspeedLauncher, TorchrunLauncher
from gner_core.errors import InputError
from gner_core.runtime.files import read_json
from gner_core.runtime.locks import file_lock
from gner_core.training.launch.lifeline import LIFELINE, STOP
from gner_core.training.memory import micro_batch_limit

MODULE = "gner_core.training.worker"
RANK_RESULT = "rank-result.json"
POLL_SECONDS = 0.2
END_SECONDS = 10.0
STOPPED = 128 + signal.SIGTERM


def supervise(
    request: str, launcher: TorchrunLauncher | DeepspeedLauncher, *, scratch: Path
) -> dict[str, Any]:
    """Run a training on several devices; return rank 0's result.

    Raises:
        InputError: with rank 0's own message.
        RuntimeError: when the ranks died; their log is this process' log.
        SystemExit: with code 143 after SIGTERM; the ranks have written a checkpoint.
    """
    (scratch / STOP).unlink(missing_ok=True)
    while True:
        limit = micro_batch_limit(scratch)
        (scratch / RANK_RESULT).unlink(missing_ok=True)
        with file_lock(scratch / LIFELINE):
            code = _run(_command(launcher, request), scratch)
        if (scratch / RANK_RESULT).exists():
            result: dict[str, Any] = read_json(scratch / RANK_RESULT)
            if not result.pop("ok"):
                raise InputError(result["error"])
            return result
        if (scratch / STOP).exists():
            sys.exit(STOPPED)
        if micro_batch_limit(scratch) == limit:  # else a smaller size is tried
            raise RuntimeError(f"the ranks of {launcher.kind} ended with code {code}")


def _command(launcher: TorchrunLauncher | DeepspeedLauncher, request: str) -> list[str]:
    worker = ["--module", MODULE, request]
    port = str(_free_port())
    if isinstance(launcher, TorchrunLauncher):
        rendezvous = ["--nnodes=1", "--master-addr=127.0.0.1", f"--master-port={port}"]
        ranks = f"--nproc-per-node={launcher.processes}"
        return [sys.executable, "-m", "torch.distributed.run", *rendezvous, ranks, *worker]
    runner = ["-m", "deepspeed.launcher.runner", "--no_local_rank", f"--master_port={port}"]
    command = [sys.executable, *runner]
    if launcher.hostfile is not None:
        if not Path(launcher.hostfile).is_file():
            raise InputError(
                f"{launcher.hostfile}: no such hostfile; see params/deepspeed/README.md"
            )
        return [*command, f"--hostfile={launcher.hostfile}", *worker]
    here = ["--hostfile=/dev/null", "--master_addr=127.0.0.1", f"--num_gpus={launcher.processes}"]
    return [*command, *here, *worker]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(command: list[str], scratch: Path) -> int:
    """Run a launcher to its end and kill what is left of its process group; return its exit code.

    SIGTERM, which also comes when the fork server is gone, makes the ranks write a checkpoint.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"},
    )
    before = signal.signal(signal.SIGTERM, lambda *_: (scratch / STOP).touch())
    try:
        while (code := process.poll()) is None:
            time.sleep(POLL_SECONDS)
        return code
    finally:
        signal.signal(signal.SIGTERM, before)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(END_SECONDS)
