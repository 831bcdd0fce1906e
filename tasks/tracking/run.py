"""One run in MLflow: points, final numbers, tags, data sets, tables, files, and its end.

Owns what is sent of a run, each point once. Does not own how runs are opened and found again
(`tasks.tracking.tracker`), or when a call is made (`tasks.tracking.outbox`).

Example:
    run = StepRun(outbox, lambda: client)
    run.run_id = run_id                 # once it is open, in the outbox' thread
    run.point({"loss": 0.3}, step=1, at=time.time())
    run.complete()
"""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.tracking.outbox import Outbox

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import RunTag

COMPLETE = "gner.complete"
TABLES = "mlflow.loggedArtifacts"
"""The tag by which the MLflow UI knows that a file is a table."""
METRICS_BATCH = 1000
SECONDS_BETWEEN_SENDS = 15.0
"""Enough for a chart that is watched; each takes time of a server, often on the machine at work."""


class Point(NamedTuple):
    """A metric at one step, in the order of MLflow's own `Metric`."""

    key: str
    value: float
    timestamp: int
    """In milliseconds since the epoch."""
    step: int


class StepRun:
    """The MLflow run of a flow run or of one of its steps."""

    def __init__(
        self,
        outbox: Outbox,
        client: "Callable[[], MlflowClient]",
        *,
        made: datetime | None = None,
    ) -> None:
        """Bind a run that the outbox opens before anything else of it is sent.

        Args:
            outbox: has all calls of the run made, in order.
            client: gives the client; called in the outbox' thread.
            made: when what is logged was made, where it was not now.
        """
        self._outbox, self._client = outbox, client
        self.made = made
        self.run_id: str | None = None
        """None until it is open, and for good where nothing of it is to be logged."""
        self.ended = False
        self.sent: defaultdict[str, set[int]] = defaultdict(set)
        """Per metric the steps that are there, also from an attempt that was killed."""
        self._waiting: list[Point] = []
        self._flushed = time.monotonic()

    def point(self, metrics: Mapping[str, float], *, step: int, at: float) -> None:
        """Log metrics of one step of the work, each once; they are sent now and then.

        Args:
            at: seconds since the epoch.
        """
        self._waiting += [Point(k, float(v), int(at * 1000), step) for k, v in metrics.items()]
        if time.monotonic() - self._flushed > SECONDS_BETWEEN_SENDS:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        waiting, self._waiting = self._waiting, []
        self._flushed = time.monotonic()
        for start in range(0, len(waiting), METRICS_BATCH):
            self.call(partial(self._send, points=waiting[start : start + METRICS_BATCH]))

    def _send(self, client: "MlflowClient", run: str, *, points: Sequence[Point]) -> None:
        from mlflow.entities import Metric

        new: dict[tuple[str, int], Point] = {}
        for metric in points:  # the first counts: it is what an earlier attempt may have sent
            if metric.step not in self.sent[metric.key]:
                new.setdefault((metric.key, metric.step), metric)
        if new:
            client.log_batch(run, metrics=[Metric(*point) for point in new.values()])
        for name, step in new:
            self.sent[name].add(step)

    def values(self, metrics: Mapping[str, float]) -> None:
        """Log final numbers, with the time at which they were made, where it is known."""
        at = int((self.made.timestamp() if self.made else time.time()) * 1000)
        final = [Point(name, float(value), at, 0) for name, value in metrics.items()]
        self.call(partial(self._send, points=final))

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        self.call(lambda c, run: c.log_batch(run, tags=run_tags(tags)))

    def dataset(self, *, name: str, digest: str, source: str, context: str) -> None:
        """Name a data set that the step read."""

        def send(client: "MlflowClient", run: str) -> None:
            from mlflow.entities import Dataset, DatasetInput, InputTag

            entity = Dataset(name, digest, "local", json.dumps({"uri": source}))
            given = DatasetInput(entity, [InputTag("mlflow.data.context", context)])
            client.log_inputs(run, [given])

        self.call(send)

    def table(self, name: str, make: Callable[[], Mapping[str, Sequence[Any]]]) -> None:
        """Log a table that the MLflow UI shows; it is only made if it is to be logged."""

        def send(client: "MlflowClient", run: str) -> None:  # MLflow's own call would append
            columns = make()
            rows = [list(row) for row in zip(*columns.values(), strict=True)]
            client.log_dict(run, {"columns": list(columns), "data": rows}, name)
            client.set_tag(run, TABLES, json.dumps([{"path": name, "type": "table"}]))

        self.call(send)

    def file(self, path: Path) -> None:
        """Log a file."""
        self.call(lambda c, run: c.log_artifact(run, str(path)))

    def complete(self) -> None:
        """End the run as FINISHED, with the mark that it needs not be logged again."""
        self.flush()
        self.tags({COMPLETE: "yes"})
        self.end("FINISHED")

    def end(self, status: str) -> None:
        """Send what waits and end the run as FINISHED, FAILED or KILLED; once."""
        if self.ended:
            return
        self.ended = True
        self.flush()
        now = int(time.time() * 1000)
        self.call(lambda c, run: c.set_terminated(run, status, now))

    def call(self, work: "Callable[[MlflowClient, str], Any]") -> None:
        """Have a call made with this run's id."""

        def do() -> None:
            if self.run_id is not None:
                work(self._client(), self.run_id)

        self._outbox.put(do)


def run_tags(tags: Mapping[str, str]) -> "list[RunTag]":
    """Return tags as MLflow takes them."""
    from mlflow.entities import RunTag

    return [RunTag(name, value) for name, value in tags.items()]
