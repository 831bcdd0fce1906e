"""GPUs of this machine: each is used by one training or generation at a time; others wait.

Every GPU has a file, named by its UUID, in a folder that all users of the machine share. A process
that computes on a GPU holds a shared lock (flock) on that file as long as it lives; the kernel
frees it, however the process ends. To take a GPU, a process needs the lock exclusively for a
moment, so a GPU is free when the supervisor and every rank of the last user have ended.

A waiting process has a ticket, a file that it locks too. The earliest ticket is served first and
takes its GPUs one by one as they become free, so a request for four is not starved by requests for
one.

CUDA_VISIBLE_DEVICES restricts the choice; afterwards it names the GPUs that were taken, by UUID.

    GNER_GPU_LOCKS   the folder (/tmp/gner-gpus); containers on one machine must share it
"""

import contextlib
import fcntl
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path

from gner_core.errors import InputError
from gner_core.runtime.log import say

VISIBLE, TAKEN = "CUDA_VISIBLE_DEVICES", "GNER_GPUS"
FOLDER = "/tmp/gner-gpus"  # noqa: S108 (the users of a machine share it; TMPDIR may be of one job)
POLL_SECONDS = 0.5
SMI_SECONDS = 60
DEVICES = Path("/dev")
NO_GPU = ("-1", "NoDevFiles")
"""Entries of CUDA_VISIBLE_DEVICES that mean none; Slurm writes the second."""
WHOLE = re.compile(r"GPU \d+: (?P<name>.+) \(UUID: (?P<uuid>GPU-[^)]+)\)")
PART = re.compile(r"\s+MIG (?P<name>.+?)\s+Device\s+\d+: \(UUID: (?P<uuid>MIG-[^)]+)\)")

_held: dict[str, int] = {}
"""UUID → descriptor of the lock file of a GPU in use; open as long as the process lives."""


@dataclass(frozen=True)
class Gpu:
    """A device that CUDA can be given: a GPU, or a part of one (MIG)."""

    uuid: str
    name: str


def list_gpus(visible: str | None) -> tuple[Gpu, ...]:
    """Return the GPUs of this machine in the order of the bus.

    Args:
        visible: CUDA_VISIBLE_DEVICES; None where it does not say whether there are GPUs.

    Raises:
        InputError: when there seem to be GPUs that cannot be listed, and so not be locked.
    """
    if visible is not None and not _entries(visible):
        return ()
    try:
        return parse_listing(_nvidia_smi())
    except OSError as fault:
        sign = f"{VISIBLE}={visible}" if visible else _device_file()
        if sign:
            raise InputError(
                f"the GPUs cannot be locked: there is {sign}, but nvidia-smi fails ({fault}); make "
                f"`nvidia-smi -L` work, or set {VISIBLE}=-1 to use no GPU"
            ) from fault
        if not isinstance(fault, FileNotFoundError):
            say(f"no GPU is used: nvidia-smi fails ({fault}), and there is no device file of a GPU")
        return ()


def _nvidia_smi() -> str:
    """Return what `nvidia-smi -L` prints; an `OSError` says why it cannot."""
    process = subprocess.Popen(
        ["nvidia-smi", "-L"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        printed, _ = process.communicate(timeout=SMI_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # without waiting for its end: it may hang in the driver
        raise TimeoutError(f"no answer in {SMI_SECONDS} s") from None
    if process.returncode:
        raise OSError(" ".join(printed.split()) or f"exit code {process.returncode}")
    return printed


def _device_file() -> str | None:
    """Return a device file of NVIDIA's driver, None where there is none."""
    files = [*DEVICES.glob("nvidia[0-9]*"), *DEVICES.glob("nvidiactl")]
    return str(min(files)) if files else None


def _entries(visible: str) -> list[str]:
    """Return the entries of CUDA_VISIBLE_DEVICES up to where CUDA stops reading."""
    entries = filter(None, (part.strip() for part in visible.split(",")))
    return list(takewhile(lambda entry: entry not in NO_GPU, entries))


def parse_listing(text: str) -> tuple[Gpu, ...]:
    """Read what `nvidia-smi -L` prints; of a GPU that is split (MIG), its parts are returned."""
    found: list[Gpu] = []
    whole = None
    for line in text.splitlines():
        if match := WHOLE.match(line):
            whole = Gpu(match["uuid"], match["name"])
            found.append(whole)
        elif match := PART.match(line):
            if whole in found:
                found.remove(whole)
            found.append(Gpu(match["uuid"], match["name"]))
    return tuple(found)


def permitted(gpus: Sequence[Gpu], visible: str | None, *, order: str | None) -> tuple[Gpu, ...]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES leaves, in its order.

    Args:
        gpus: those of the machine, in the order of the bus.
        visible: the variable: indices or (beginnings of) UUIDs; None leaves all.
        order: CUDA_DEVICE_ORDER, which says what indices mean.

    Raises:
        InputError: for an entry that names no GPU, or whose meaning depends on CUDA.
    """
    if visible is None or not gpus:
        return tuple(gpus)
    chosen: list[Gpu] = []
    for entry in _entries(visible):
        if entry.isdigit():
            _refuse_ambiguous(gpus, visible, order)
            found = [*gpus[int(entry) : int(entry) + 1]]
        else:
            found = [gpu for gpu in gpus if gpu.uuid.startswith(entry)]
        if len(found) != 1:
            here = ", ".join(f"{number} ({gpu.uuid})" for number, gpu in enumerate(gpus))
            raise InputError(f"{VISIBLE}={visible}: no GPU {entry}; this machine has {here}")
        chosen += found
    return tuple(dict.fromkeys(chosen))


def _refuse_ambiguous(gpus: Sequence[Gpu], visible: str, order: str | None) -> None:
    parts = any(gpu.uuid.startswith("MIG-") for gpu in gpus)
    mixed = len({gpu.name for gpu in gpus}) > 1 and order != "PCI_BUS_ID"
    if parts or mixed:
        raise InputError(
            f"{VISIBLE}={visible}: this machine has different GPUs, or parts of GPUs, whose "
            "numbers depend on CUDA; name them by UUID (nvidia-smi -L)"
        )


def use_gpus(count: int, *, purpose: str, share: bool = False) -> tuple[str, ...]:
    """Take `count` GPUs for as long as this process lives; wait until they are free.

    Call it before CUDA is initialised, which then sees these GPUs only. Child processes call
    `join_gpus`.

    Args:
        purpose: shown to processes that wait for these GPUs.
        share: fewer will do where the machine has fewer.

    Returns:
        Their UUIDs; none on a machine without GPUs, or where CUDA_VISIBLE_DEVICES leaves none.

    Raises:
        InputError: when there are fewer, or they cannot be listed.
    """
    visible, order = os.environ.get(VISIBLE), os.environ.get("CUDA_DEVICE_ORDER")
    gpus = permitted(list_gpus(visible), visible, order=order)
    if not gpus:
        return ()
    if count > len(gpus) and not share:
        left = f", {VISIBLE}={visible} leaves them" if visible is not None else ""
        raise InputError(
            f"{count} GPUs are wanted and {len(gpus)} are here{left}; lower "
            "execution.launcher.processes"
        )
    taken = claim(min(count, len(gpus)), gpus, purpose=purpose)
    _held.update(taken)
    os.environ[VISIBLE] = os.environ[TAKEN] = ",".join(taken)
    return tuple(taken)


def taken_gpus() -> tuple[str, ...]:
    """Return the UUIDs of the GPUs that this process, or its supervisor, has taken."""
    return tuple(filter(None, os.environ.get(TAKEN, "").split(",")))


def join_gpus() -> None:
    """Use the GPUs that the supervisor of this process has taken, for as long as this one lives.

    Raises:
        InputError: when the supervisor has died and another process has taken them.
    """
    for uuid in taken_gpus():
        file = _open_lock(uuid)
        if not _locked(file, fcntl.LOCK_SH):
            raise InputError(f"{uuid}: taken by {_user(file)}, this process came too late")
        _held[uuid] = file
        os.environ[VISIBLE] = os.environ[TAKEN]  # a launcher may have put numbers there


def seize_gpu(local_rank: int, *, purpose: str) -> None:
    """Take the GPU of a rank that a launcher on another machine started on this one.

    It is not waited for, since ranks on other machines may hold GPUs meanwhile.

    Raises:
        InputError: when it is in use, or cannot be listed.
    """
    visible, order = os.environ.get(VISIBLE), os.environ.get("CUDA_DEVICE_ORDER")
    gpus = permitted(list_gpus(None), visible, order=order)  # the launcher has set `visible`
    if gpus:
        _held.update(claim(1, [gpus[local_rank]], purpose=purpose, wait=False))


def claim(count: int, gpus: Sequence[Gpu], *, purpose: str, wait: bool = True) -> dict[str, int]:
    """Wait for `count` of `gpus`; return UUID → open file, whose closing frees the GPU.

    Raises:
        InputError: with `wait=False`, when one is in use.
    """
    held: dict[str, int] = {}
    shown = ""
    with _ticket(gpus) as ticket:
        while True:
            with _queue_locked():
                promised = _wanted_before(ticket)
                for gpu in gpus:
                    if len(held) < count and gpu.uuid not in (*held, *promised):
                        file = _open_lock(gpu.uuid)
                        if _locked(file, fcntl.LOCK_EX):
                            held[gpu.uuid] = file
                        else:
                            os.close(file)
                if len(held) == count:
                    _sign(held, purpose)
                    return {gpu.uuid: held[gpu.uuid] for gpu in gpus if gpu.uuid in held}
                line = _waiting(count, held, gpus, behind=bool(promised))
            if not wait:
                raise InputError(line)
            if line != shown:
                say(line)
                shown = line
            time.sleep(POLL_SECONDS)


def _sign(held: dict[str, int], purpose: str) -> None:
    """Write who uses the GPUs, and make the locks shared, for the ranks to come."""
    since = datetime.now().astimezone().strftime("%d %b %H:%M")
    user = f"{purpose} (process {os.getpid()} of user {os.getuid()}, since {since})"
    for file in held.values():
        os.ftruncate(file, 0)
        os.pwrite(file, user.encode(), 0)
        fcntl.flock(file, fcntl.LOCK_SH)  # no other can take it: the queue is locked


def _waiting(count: int, held: dict[str, int], gpus: Sequence[Gpu], *, behind: bool) -> str:
    """Say which GPUs are waited for and who uses them; call it while the queue is locked."""
    users = []
    for gpu in gpus:
        if gpu.uuid not in held:
            file = _open_lock(gpu.uuid)
            free = _locked(file, fcntl.LOCK_EX)
            users.append(f"{gpu.uuid}: {'promised' if free else _user(file)}")
            os.close(file)
    others = " behind others" if behind else ""
    wanted = f"{count} of {len(gpus)} GPUs"
    return f"waiting{others} for {wanted}, {len(held)} taken so far; " + "; ".join(users)


@contextmanager
def _ticket(gpus: Sequence[Gpu]) -> Iterator[Path]:
    """Join the queue; the ticket is valid as long as it is locked."""
    path = _lock_folder() / f"{time.time_ns():020d}-{os.getpid()}.ticket"
    with _queue_locked():
        file = _open(path)
        fcntl.flock(file, fcntl.LOCK_EX)
        os.write(file, json.dumps([gpu.uuid for gpu in gpus]).encode())
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(file)


def _wanted_before(ticket: Path) -> set[str]:
    """Return the GPUs that earlier tickets wait for."""
    wanted: set[str] = set()
    for other in sorted(ticket.parent.glob("*.ticket")):
        if other.name >= ticket.name:
            break
        file = _open(other)
        if _locked(file, fcntl.LOCK_SH):
            with contextlib.suppress(PermissionError):  # the left ticket of another user
                other.unlink(missing_ok=True)
        else:
            wanted |= set(json.loads(os.pread(file, 1 << 16, 0)))
        os.close(file)
    return wanted


@contextmanager
def _queue_locked() -> Iterator[None]:
    """Let one process at a time look at the GPUs and take some."""
    folder = _lock_folder()
    if not folder.is_dir():
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            folder.chmod(0o1777)
    file = _open(folder / "queue")
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _lock_folder() -> Path:
    return Path(os.environ.get("GNER_GPU_LOCKS") or FOLDER)


def _open_lock(uuid: str) -> int:
    return _open(_lock_folder() / f"{uuid}.lock")


def _open(path: Path) -> int:
    """Open a file that all users may lock; create it where it is missing."""
    flags = os.O_RDWR | os.O_NOFOLLOW
    try:
        return os.open(path, flags)  # first: Linux may refuse O_CREAT for the file of another user
    except FileNotFoundError:
        file = os.open(path, flags | os.O_CREAT, 0o666)
        os.fchmod(file, 0o666)  # whatever the umask
        return file


def _locked(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _user(file: int) -> str:
    return os.pread(file, 1000, 0).decode(errors="replace") or "another"
