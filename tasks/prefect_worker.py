"""A worker of Prefect that is told of a new run, where Prefect's own finds it when it asks next.

Each question takes time of a server that may share its processors with a training, so a worker that
is told can ask seldom. Owns the listening. Does not own how the process of a run is started and ended
(Prefect's `ProcessWorker`), or the work pools (`tasks.prefect_setup`). Prefect finds it by the entry
point in pyproject.toml.

Example:
    prefect worker start --pool cpu --type gner
"""

import asyncio
from typing import Any

from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.workers.process import ProcessWorker

RUN_ORDERED = ["prefect.flow-run.Scheduled", "prefect.flow-run.AwaitingRetry"]
STORED_SECONDS = 0.2
"""The event comes a moment before the server's database has the run."""
AGAIN_SECONDS = 5.0
"""Until it listens again, where the server is away; meanwhile it asks as Prefect's worker does."""


class GnerWorker(ProcessWorker):
    """Runs flows of a pool of the type `process`: Prefect's pages show only pools of its own types."""

    _listening: asyncio.Task[None] | None = None

    @classmethod
    def __dispatch_key__(cls) -> str:
        """Return what `--type` names it by."""
        return "gner"

    async def setup(self) -> None:
        """Be ready for runs, and listen for them."""
        await super().setup()
        self._listening = asyncio.create_task(self._listen())

    async def teardown(self, *exc_info: Any) -> None:
        """Stop listening, then what Prefect's worker does."""
        if self._listening:
            self._listening.cancel()
        await super().teardown(*exc_info)

    async def _listen(self) -> None:
        while True:
            try:
                await self._ask_when_told()
            except Exception as fault:  # noqa: BLE001 (sockets, HTTP and Prefect raise their own)
                self._logger.info("not told of new runs for now, only asking: %r", fault)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _ask_when_told(self) -> None:
        ordered = EventFilter(event=EventNameFilter(name=RUN_ORDERED))
        async with get_events_subscriber(ordered, reconnection_attempts=0) as events:
            async for _ in events:
                await asyncio.sleep(STORED_SECONDS)
                await self.get_and_submit_flow_runs()
