"""The shared memory by which DeepSpeed's ranks on one CPU talk: its names go once all ranks have it.

DeepSpeed never removes them itself: every training would leave 66 MiB a rank in the memory of the
machine until it starts again. Without a name it is freed when the last rank ends, however it ends.
"""

import os
from pathlib import Path

from torch import distributed

FOLDER = Path("/dev/shm")  # noqa: S108 (shm_open's own)


def unlink_buffers() -> None:
    """Wait until every rank has opened the buffers of this training, then remove their names."""
    distributed.barrier()
    place = (os.getuid(), os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"])
    for buffer in FOLDER.glob("deepspeed_allreduce_buffer_{}_{}_{}_*".format(*place)):
        buffer.unlink(missing_ok=True)  # the other ranks of this machine are at it, too
