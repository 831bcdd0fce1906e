"""Frees the shared memory through which DeepSpeed's ranks on one CPU communicate.

DeepSpeed never removes it: every training would leave 66 MiB per rank in memory until the machine
restarts. A buffer whose name is removed is freed when the last rank ends, however it ends.
"""

import os
from pathlib import Path

from torch import distributed

FOLDER = Path("/dev/shm")  # noqa: S108 (shm_open's own)


def unlink_buffers() -> None:
    """Wait until every rank has opened the buffers of this training, then remove their names."""
    distributed.barrier()
    address = f"{os.environ['MASTER_ADDR']}_{os.environ['MASTER_PORT']}"
    for buffer in FOLDER.glob(f"deepspeed_allreduce_buffer_{os.getuid()}_{address}_*"):
        buffer.unlink(missing_ok=True)  # other ranks of this machine remove them, too
