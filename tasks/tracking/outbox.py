"""An outbox for a service that may be away: work is done in order, in a thread of its own.

Work that fails for want of the service stays first in line and is tried again after a pause; what
comes later waits behind it, so nothing is lost and nothing overtakes. Who puts work in never
waits. Only `close` does, and not for long. All work must be such that doing it twice is the same
as doing it once: a call may have been heard although its answer was lost.

Owns order, pauses and the words about them. Does not own what the work is (`tasks.tracking.tracker`).

Example:
    outbox = Outbox("MLflow at http://127.0.0.1:5000", hopeless=lambda error: False)
    outbox.put(lambda: client.log_batch(run_id, metrics=metrics))
    unsent = outbox.close()
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

PAUSE_SECONDS = 20.0
"""Between two attempts while the service is away."""
CLOSE_SECONDS = 60.0
"""For what still waits at the end, if the service is there but slow."""

log = logging.getLogger("gner")


class Outbox:
    """Work for one service."""

    def __init__(self, service: str, *, hopeless: Callable[[Exception], bool]) -> None:
        """Name the service.

        Args:
            service: its name in log lines.
            hopeless: says whether an error would come again although the service is there; such
                work is left out, with a warning.
        """
        self.service = service
        self._hopeless = hopeless
        self._work: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._away_since: float | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def put(self, work: Callable[[], None]) -> None:
        """Have some work done after all that was put in before."""
        with self._changed:
            self._work.append(work)
            self._changed.notify_all()

    def close(self) -> int:
        """Try once more where the service was away; return how much work was not done."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(CLOSE_SECONDS)
        return len(self._work)

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._work or self._closing)
                if not self._work:
                    return
            if self._done(self._work[0]):
                with self._changed:
                    self._work.popleft()
                continue
            with self._changed:
                if self._closing:
                    return
                self._changed.wait_for(lambda: self._closing, timeout=PAUSE_SECONDS)

    def _done(self, work: Callable[[], None]) -> bool:
        """Do some work; say whether it is over with, done or hopeless."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 (whatever a service's client raises)
            if self._hopeless(error):
                log.warning("%s: something is not tracked: %s", self.service, _first_line(error))
                return True
            if self._away_since is None:
                log.warning(
                    "%s does not answer (%s); the run goes on, and what is to be tracked waits",
                    self.service,
                    _first_line(error),
                )
                self._away_since = time.monotonic()
            return False
        if self._away_since is not None:
            away = time.monotonic() - self._away_since
            log.info("%s answers again after %.0f s; what waited is sent", self.service, away)
            self._away_since = None
        return True


class Wastebasket(Outbox):
    """An outbox of which nothing is ever sent."""

    def __init__(self) -> None:
        """Start nothing."""
        self.service = "nobody"

    def put(self, work: Callable[[], None]) -> None:
        """Drop it."""

    def close(self) -> int:
        """Nothing is left."""
        return 0


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0][:200]
