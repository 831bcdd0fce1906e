"""A lease on an object store: the second machine waits for the first, and not for a dead one.

The holder rewrites the object every few seconds (a heartbeat). Waiting machines poll it; one that
has seen no change for a while, by its own clock, takes the lease over. Clocks of two machines are
never compared. A lease saves work and protects nothing: a holder that was only cut off goes on, so
two machines may build at once, which the store allows.

Where writing is not atomic, a lease may be empty or half written. One that cannot be read has no
owner yet: it is waited for like a silent one, and its holder writes it again.
"""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from gner_core.errors import InputError
from gner_core.store.objects import Objects

LOG = logging.getLogger("gner")


@dataclass(frozen=True)
class Pace:
    """How often a lease is rewritten and looked at, in seconds."""

    beat: float = 10.0
    dead: float = 60.0
    """After so long without a change a holder is taken for dead."""
    poll: float = 2.0


PACE = Pace()


@dataclass(frozen=True)
class _Content:
    """The content of a lease; without `machine` and `lease` where it cannot be read."""

    data: bytes
    who: str = "an unknown process (its lease cannot be read)"
    machine: str | None = None
    lease: str | None = None


@contextmanager
def leased(
    objects: Objects,
    name: str,
    *,
    machine: str,
    unless: Callable[[], bool],
    on_wait: Callable[[str], object],
    pace: Pace = PACE,
) -> Iterator[None]:
    """Hold the lease `name`; wait for its holder while that lives and `unless()` is false.

    Args:
        machine: a unique name of this machine. Its processes have a lock among themselves, so a
            lease in its name is that of a dead process.
        unless: says that the lease is no longer needed; then the block runs without one.
        on_wait: called once with the holder that is waited for, and when a lease is taken over.
    """
    lease = _Lease(objects, name, machine)
    if not lease.acquire(unless, on_wait, pace):
        yield
        return
    ended = threading.Event()
    beating = threading.Thread(target=lease.beat, args=(ended, pace.beat), daemon=True)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join()
        lease.release()


class _Lease:
    def __init__(self, objects: Objects, name: str, machine: str) -> None:
        self.objects, self.name, self.machine = objects, name, machine
        self.beats = 0
        self.mine = uuid4().hex

    def acquire(
        self, unless: Callable[[], bool], on_wait: Callable[[str], object], pace: Pace
    ) -> bool:
        """Return True with the lease, False when it is no longer needed."""
        last, since, told = None, time.monotonic(), False
        while not self.objects.create(self.name, self._content()):
            if unless():
                return False
            seen = self._read()
            if seen is None:
                continue
            if seen != last:
                last, since = seen, time.monotonic()
            silent = time.monotonic() - since
            if seen.machine == self.machine or silent > pace.dead:
                if seen.machine != self.machine:
                    on_wait(f"{seen.who} has not been heard of for {silent:.0f} s; going on")
                self.objects.write(self.name, self._content())
                return True
            if not told:
                on_wait(f"waiting for {seen.who}, which is building it")
                told = True
            time.sleep(pace.poll)
        return True

    def beat(self, ended: threading.Event, seconds: float) -> None:
        """Rewrite the lease until `ended`, or until another machine has taken it over.

        After a fault, which is logged, the lease is written again the next time. The work goes on
        meanwhile, and another machine may do it too.
        """
        while not ended.wait(seconds):
            try:
                if not self._is_mine():
                    LOG.warning("%s: taken over by another machine", self.objects.url(self.name))
                    return
                self.beats += 1
                self.objects.write(self.name, self._content())
            except InputError as error:
                LOG.warning("lease not renewed: %s", error)
            except Exception:
                LOG.exception("lease not renewed: %s", self.objects.url(self.name))

    def release(self) -> None:
        """Delete the lease if it is still this one."""
        try:
            if self._is_mine():
                self.objects.remove([self.name])
        except InputError as error:  # the others see that it is not rewritten
            LOG.warning("lease not released: %s", error)

    def _is_mine(self) -> bool:
        """Say whether no other has the lease."""
        seen = self._read()
        return seen is not None and seen.lease in (self.mine, None)

    def _read(self) -> _Content | None:
        """Return the content of the lease, None where there is none."""
        try:
            data = self.objects.read(self.name)
        except FileNotFoundError:
            return None
        try:
            found = json.loads(data)
            who = f"process {found['process']} on {found['host']}"
            return _Content(data, who, found["machine"], found["lease"])
        except (ValueError, TypeError, KeyError):
            return _Content(data)

    def _content(self) -> bytes:
        who = {"host": socket.gethostname(), "process": os.getpid(), "machine": self.machine}
        return json.dumps({**who, "lease": self.mine, "beats": self.beats}).encode()
