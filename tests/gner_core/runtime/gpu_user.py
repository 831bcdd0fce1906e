"""A process that uses GPUs: `python -m tests.gner_core.runtime.gpu_user COUNT [rank | seize]`.

Prints what CUDA would see, one JSON line, and stays. With `rank` it first starts a child that joins
it and ignores SIGTERM; its process id is printed, too. With `seize` it is a rank that a launcher
on another machine started, and COUNT is its number on this one.
"""

import json
import os
import signal
import subprocess
import sys
import time

from gner_core.runtime.gpus import VISIBLE, join_gpus, seize_gpu, use_gpus


def main(count: str, what: str = "") -> None:
    child = None
    if what == "join":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        join_gpus()
    elif what == "seize":
        seize_gpu(int(count), purpose=f"training {os.getpid()}")
    else:
        use_gpus(int(count), purpose=f"training {os.getpid()}")
    if what == "rank":
        command = [sys.executable, "-m", "tests.gner_core.runtime.gpu_user", count, "join"]
        rank = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert rank.stdout is not None
        child = json.loads(rank.stdout.readline())["process"]
    seen = {"visible": os.environ.get(VISIBLE), "process": os.getpid(), "rank": child}
    print(json.dumps(seen), flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main(*sys.argv[1:])
