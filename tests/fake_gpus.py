"""GPUs that are not there: a program `nvidia-smi` that lists them, first on the path."""

from pathlib import Path

import pytest

from gner_core.runtime.gpus import TAKEN, VISIBLE

UUIDS = tuple(f"GPU-{letter * 8}-0000-0000-0000-000000000000" for letter in "abcd")


def listing(count: int) -> str:
    """What `nvidia-smi -L` prints for so many equal GPUs."""
    return "".join(f"GPU {n}: NVIDIA Test 80GB (UUID: {UUIDS[n]})\n" for n in range(count))


def pretend(count: int, place: Path, patch: pytest.MonkeyPatch) -> None:
    """Let this process and its children find so many GPUs, with locks of their own."""
    program = place / "bin" / "nvidia-smi"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\ncat <<END\n{listing(count)}END\n")
    program.chmod(0o755)
    patch.setenv("PATH", str(program.parent), prepend=":")
    patch.setenv("GNER_GPU_LOCKS", str(place / "locks"))
    for name in (VISIBLE, TAKEN):
        patch.setenv(name, "")  # so that what is set later is undone with the patch
        patch.delenv(name)
