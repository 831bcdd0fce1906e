"""One run in MLflow: points, final numbers, tags, data sets, tables, files, and its end.

A run is marked complete only when all of it is logged: where MLflow refuses a call, the next run of
the same command logs it again from the store.
"""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from gner_core.errors import Stopped
from gner_core.strict import flat
from tasks.tracking.names import mlflow_name
from tasks.tracking.outbox import BlockedError, Outbox
from tasks.tracking.server import TrackingStore

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import RunTag

COMPLETE = "gner.complete"
FAILED, MISSING = "gner.failed", "gner.missing"
"""Tags that say in one line why a run failed, and which points a sweep lacks."""
DESCRIPTION = "mlflow.note.content"
"""The tag whose Markdown the MLflow UI shows above a run."""
TABLES = "mlflow.loggedArtifacts"
"""The tag by which the MLflow UI knows that a file is a table."""
METRICS_BATCH = 1000
BATCH = 100  # params in one call: the server's limit
PARAM_CHARACTERS = 6000  # the server's limit
EXECUTION = "execution."
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
    """The MLflow run of a flow run or of one of its steps; as a context manager it ends with the block."""

    def __init__(
        self,
        outbox: Outbox,
        mlflow: TrackingStore,
        *,
        name: str,
        made: datetime | None,
    ) -> None:
        """Bind a run; call `open` first.

        Args:
            outbox: makes all calls of the run, in order.
            mlflow: whose client is used in the thread of the outbox only.
            name: its name in log lines.
            made: when what is logged was made; None where that is now.
        """
        self._outbox, self._mlflow = outbox, mlflow
        self.name, self.made = name, made
        self.run_id: str | None = None
        """None until it is open, and always where nothing of it is to be logged."""
        self._is_open = False
        self._begun: set[Callable[[], None]] = set()
        """Calls that were tried and not made."""
        self.ended = False
        self.sent: defaultdict[str, set[int]] = defaultdict(set)
        """Metric → steps that MLflow has, also from an attempt that was killed."""
        self._waiting: list[Point] = []
        self._flushed = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            self.complete()
        else:
            self.end("KILLED" if isinstance(error, Stopped | KeyboardInterrupt) else "FAILED")

    def open(self, find_or_make: Callable[[], str | None]) -> None:
        """Open the run by a function that returns its id, None where nothing is to be logged."""

        def do() -> None:
            self.run_id = find_or_make()
            self._is_open = True

        self._outbox.put(f"opening of {self.name}", do)

    def params(self, params: Mapping[str, Any]) -> None:
        """Log parameters; those within others are named `outer.inner`.

        How a run is executed becomes tags: it may change when the run goes on, as parameters may not.
        """
        named = [(name, str(value)[:PARAM_CHARACTERS]) for name, value in flat(params)]
        if how := {name: value for name, value in named if name.startswith(EXECUTION)}:
            self.tags(how)
        items = [(mlflow_name(name), v) for name, v in named if not name.startswith(EXECUTION)]

        def send(client: "MlflowClient", run: str) -> None:
            from mlflow.entities import Param

            for start in range(0, len(items), BATCH):
                batch = [Param(*item) for item in items[start : start + BATCH]]
                client.log_batch(run, params=batch)

        self.call("params", send)

    def point(self, metrics: Mapping[str, float], *, step: int, at: float) -> None:
        """Log metrics of one step, each once, in batches; `at` is in seconds since the epoch."""
        self._waiting += _points(metrics, step=step, at=at)
        if time.monotonic() - self._flushed > SECONDS_BETWEEN_SENDS:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        waiting, self._waiting = self._waiting, []
        self._flushed = time.monotonic()
        for start in range(0, len(waiting), METRICS_BATCH):
            send = partial(self._send, points=waiting[start : start + METRICS_BATCH])
            self.call("points", send)

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
        """Log final numbers with the time at which they were made."""
        at = self.made.timestamp() if self.made else time.time()
        send = partial(self._send, points=_points(metrics, step=0, at=at))
        self.call(f"figures ({', '.join(metrics)})", send)

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        self.call("tags", lambda c, run: c.log_batch(run, tags=run_tags(tags)))

    def dataset(self, *, name: str, digest: str, source: str, context: str) -> None:
        """Name a data set that the step read."""

        def send(client: "MlflowClient", run: str) -> None:
            from mlflow.entities import Dataset, DatasetInput, InputTag

            entity = Dataset(mlflow_name(name), digest, "local", json.dumps({"uri": source}))
            given = DatasetInput(entity, [InputTag("mlflow.data.context", context)])
            client.log_inputs(run, [given])

        self.call(f"data set {name}", send)

    def table(self, name: str, make: Callable[[], Mapping[str, Sequence[Any]]]) -> None:
        """Log a table that the MLflow UI shows; `make` is called only if the run is logged."""

        def send(client: "MlflowClient", run: str) -> None:  # MLflow's own call would append
            columns = make()
            rows = [list(row) for row in zip(*columns.values(), strict=True)]
            path = mlflow_name(name)
            client.log_dict(run, {"columns": list(columns), "data": rows}, path)
            client.set_tag(run, TABLES, json.dumps([{"path": path, "type": "table"}]))

        self.call(f"table {name}", send)

    def file(self, path: Path) -> None:
        """Log a file."""
        self.call(f"file {path.name}", lambda c, run: c.log_artifact(run, str(path)))

    def text(self, name: str, content: str) -> None:
        """Log a file by its content."""
        self.call(f"file {name}", lambda c, run: c.log_text(run, content, name))

    def complete(self) -> None:
        """End the run as FINISHED, with the mark that it needs not be logged again."""

        def mark() -> None:
            if self.run_id is not None:
                self._mlflow.client.set_tag(self.run_id, COMPLETE, "yes")

        self.flush()
        self.after_all("mark of completeness", mark)
        self.end("FINISHED")

    def end(self, status: str) -> None:
        """Send what waits and end the run as FINISHED, FAILED or KILLED; once."""
        if self.ended:
            return
        self.ended = True
        self.flush()
        now = int(time.time() * 1000)
        self.call("end", lambda c, run: c.set_terminated(run, status, now))

    def call(self, what: str, make: "Callable[[MlflowClient, str], object]") -> None:
        """Have a call made with this run's id, perhaps more than once; `what` names it in the log."""

        def do() -> None:
            if not self._is_open:
                raise BlockedError
            if self.run_id is not None:
                self._begun.add(do)
                make(self._mlflow.client, self.run_id)
                self._begun.discard(do)

        self._outbox.put(f"{what} of {self.name}", do)

    def after_all(self, what: str, make: Callable[[], object]) -> None:
        """Have something done once all earlier calls of the run are made, and only then."""

        def do() -> None:
            if self._begun or not self._is_open:
                raise BlockedError
            make()

        self._outbox.put(f"{what} of {self.name}", do)


def run_tags(tags: Mapping[str, str]) -> "list[RunTag]":
    """Return tags as MLflow takes them."""
    from mlflow.entities import RunTag

    return [RunTag(mlflow_name(name), value) for name, value in tags.items()]


def _points(metrics: Mapping[str, float], *, step: int, at: float) -> list[Point]:
    return [Point(mlflow_name(k), float(v), int(at * 1000), step) for k, v in metrics.items()]
