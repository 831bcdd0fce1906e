"""A worker of Prefect that asks for runs often while it has none, and seldom while it has.

Owns when it asks: each question takes time of a server that may share its processors with a training.
Does not own how the process of a run is started and ended (Prefect's `ProcessWorker`), or the work
pools (`tasks.prefect_setup`). Prefect finds it by the entry point in pyproject.toml.

Example:
    prefect worker start --pool cpu --type gner
"""

import time
from typing import Any

from prefect.client.schemas.objects import FlowRun
from prefect.workers.process import ProcessWorker, ProcessWorkerResult

BUSY_SECONDS = 15.0
"""Between two questions of a worker that has a run; otherwise PREFECT_WORKER_QUERY_SECONDS."""


class GnerWorker(ProcessWorker):
    """Runs flows of a pool of the type `process`: Prefect's pages show only pools of its own types."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what Prefect's own worker takes."""
        super().__init__(*args, **kwargs)
        self._runs = 0
        self._asked = 0.0

    @classmethod
    def __dispatch_key__(cls) -> str:
        """Return what `--type` names it by."""
        return "gner"

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Ask for runs and start them, if it is time to."""
        if self._runs and time.monotonic() - self._asked < BUSY_SECONDS:
            return []
        self._asked = time.monotonic()
        started: list[FlowRun] = await super().get_and_submit_flow_runs()
        return started

    async def run(self, *args: Any, **kwargs: Any) -> ProcessWorkerResult:
        """Run a flow in a process; return when it has ended."""
        self._runs += 1
        try:
            return await super().run(*args, **kwargs)
        finally:
            self._runs -= 1
