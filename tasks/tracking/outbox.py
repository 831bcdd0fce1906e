"""An outbox for a service that may be away: its thread makes calls in order.

While the service is away, the first call is tried again after a pause and all others wait for it.
A call that the service refuses is deferred after a few tries, and tried once more at the end.
`put` never waits; `close` does, for a limited time. A call must have the same effect if it is made
twice, since it may have been executed although its answer was lost.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from gner_core.errors import first_line

AWAY_SECONDS = 20.0
"""Between two attempts while the service is away."""
TRIES = 3
"""Of a call that is refused, before it is deferred."""
REFUSED_SECONDS = 1.0
"""Between these tries."""
CLOSE_SECONDS = 60.0
"""For what still waits at the end, where the service is slow."""

log = logging.getLogger("gner")


class BlockedError(Exception):
    """Raised by a call that cannot be made before another one, which was deferred."""


class Call(NamedTuple):
    """A call to the service."""

    name: str
    """In log lines: what is sent, and of which run."""
    make: Callable[[], object]


class Outbox:
    """Calls to one service."""

    def __init__(self, service: str, *, is_away: Callable[[Exception], bool]) -> None:
        """Start the thread.

        Args:
            service: the service's name in log lines.
            is_away: whether an error means that the service is away; any other is a refusal.
        """
        self.service = service
        self._is_away = is_away
        self._calls: deque[Call] = deque()
        self._deferred: list[Call] = []
        self._changed = threading.Condition()
        self._closing = self._last_round = False
        self._away_since: float | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def put(self, name: str, make: Callable[[], object]) -> None:
        """Have a call made after all earlier ones."""
        with self._changed:
            self._calls.append(Call(name, make))
            self._changed.notify_all()

    @property
    def unmade(self) -> int:
        """How many calls wait or are deferred."""
        return len(self._calls) + len(self._deferred)

    def close(self) -> int:
        """Try once more what waits or was refused; return how many calls were not made."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(CLOSE_SECONDS)
        return self.unmade

    def _serve(self) -> None:
        while call := self._next():
            if self._is_settled(call):
                self._calls.popleft()
            elif self._closing:
                return
            else:
                self._pause(AWAY_SECONDS)

    def _next(self) -> Call | None:
        """Wait for a call; return None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._calls or self._closing)
            if not self._calls and not self._last_round:
                self._last_round = True
                self._calls.extend(self._deferred)
                self._deferred.clear()
            return self._calls[0] if self._calls else None

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, timeout=seconds)

    def _is_settled(self, call: Call) -> bool:
        """Make a call or defer it; return False where the service is away."""
        last = 1 if self._last_round else TRIES
        for number in range(1, last + 1):
            try:
                call.make()
            except BlockedError:
                self._deferred.append(call)
                return True
            except Exception as error:  # noqa: BLE001 (whatever a service's client raises)
                if self._is_away(error):
                    self._tell_away(error)
                    return False
                if number < last:
                    self._pause(REFUSED_SECONDS)
                else:
                    self._defer(call, error)
            else:
                break
        self._tell_back()
        return True

    def _defer(self, call: Call, error: Exception) -> None:
        self._deferred.append(call)
        then = "it is not tracked" if self._last_round else "it is tried again at the end"
        log.warning("%s refuses %s (%s); %s", self.service, call.name, _first_line(error), then)

    def _tell_away(self, error: Exception) -> None:
        if self._away_since is None:
            log.warning(
                "%s does not answer (%s); the run goes on, and what is to be tracked waits",
                self.service,
                _first_line(error),
            )
            self._away_since = time.monotonic()

    def _tell_back(self) -> None:
        if self._away_since is not None:
            away = time.monotonic() - self._away_since
            log.info("%s answers again after %.0f s; what waited is sent", self.service, away)
            self._away_since = None


class NoOutbox(Outbox):
    """An outbox of which nothing is ever sent."""

    def __init__(self) -> None:
        """Start nothing."""
        self.service = "nobody"

    def put(self, name: str, make: Callable[[], object]) -> None:
        """Drop it."""

    def close(self) -> int:
        """Nothing is left."""
        return 0


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"
