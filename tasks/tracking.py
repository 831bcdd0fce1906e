"""The one file that knows MLflow: runs, live metrics, datasets, prediction tables, the report.

Owns how a flow run and its steps appear in MLflow. A flow run is a parent run; each training and
each evaluation is a child run, found again by its step key: a step that is skipped is not logged
twice, its run is linked from the new parent.

Default: an SQLite file and a folder below the home folder, no server. MLFLOW_TRACKING_URI is
honoured. A tracking server that fails never fails a run: the fault is logged once and the
artifacts in the store stay the truth.

Example:
    tracker = Tracker.start(experiment, home=Path(".gner"), flow_run_id=None)
    with tracker.step_run("train", step, params) as run:
        run.point({"loss": 0.3}, step=1)
"""

import logging
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType

from gner_core.errors import InputError

EXPERIMENT = "gner"
KEY, COMPLETE, KIND = "gner.key", "gner.complete", "gner.kind"
BATCH = 100  # params in one call: the server's limit
PARAM_CHARACTERS = 6000  # the server's limit
SECONDS_BETWEEN_SENDS = 2.0
SERVING_MODEL = Path(__file__).with_name("serving_model.py")
"""What MLflow runs to serve a checkpoint; never imported here."""

log = logging.getLogger("gner")


class StepRun:
    """The MLflow run of one step; `None` as id means that tracking is off for it."""

    def __init__(self, tracker: "Tracker", run_id: str | None, already: Iterable[int] = ()) -> None:
        self.tracker = tracker
        self.run_id = run_id
        self._logged = set(already)  # steps that are there, also from an attempt that was killed
        self._waiting: list[Metric] = []
        self._sent = time.monotonic()

    def point(self, metrics: Mapping[str, float], *, step: int) -> None:
        """Log metrics of one step of the work, once; sent in batches every two seconds."""
        if step in self._logged:
            return
        self._logged.add(step)
        now = int(time.time() * 1000)
        self._waiting += [Metric(name, float(v), now, step) for name, v in metrics.items()]
        if time.monotonic() - self._sent > SECONDS_BETWEEN_SENDS:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        waiting, self._waiting = self._waiting, []
        self._sent = time.monotonic()
        for start in range(0, len(waiting), 1000):
            part = waiting[start : start + 1000]
            self.call(partial(_log_metrics, metrics=part))

    def values(self, metrics: Mapping[str, float]) -> None:
        """Log final numbers."""
        now = int(time.time() * 1000)
        final = [Metric(name, float(value), now, 0) for name, value in metrics.items()]
        self.call(lambda c, run: c.log_batch(run, metrics=final))

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        final = [RunTag(name, value) for name, value in tags.items()]
        self.call(lambda c, run: c.log_batch(run, tags=final))

    def dataset(self, *, name: str, digest: str, source: str, context: str) -> None:
        """Name a data set that the step read."""
        entity = Dataset(name, digest, "local", f'{{"uri": "{source}"}}')
        given = DatasetInput(entity, [InputTag("mlflow.data.context", context)])
        self.call(lambda c, run: c.log_inputs(run, [given]))

    def table(self, name: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Log a table that the MLflow UI shows."""
        data = {key: list(values) for key, values in columns.items()}
        self.call(lambda c, run: c.log_table(run, data, name))

    def file(self, path: Path) -> None:
        """Log a file."""
        self.call(lambda c, run: c.log_artifact(run, str(path)))

    def call(self, work: Callable[[MlflowClient, str], Any]) -> None:
        """Call MLflow with this run's id, if tracking is on."""
        if self.run_id is not None:
            run_id = self.run_id
            self.tracker.attempt(lambda client: work(client, run_id))


class Tracker:
    """The parent run of one flow run, and its children."""

    def __init__(self, client: MlflowClient | None, uri: str) -> None:
        self.client = client
        self.uri = uri
        self.experiment_id = ""
        self.parent = StepRun(self, None)

    @classmethod
    def start(
        cls, *, name: str, params: Mapping[str, Any], tags: Mapping[str, str], home: Path
    ) -> "Tracker":
        """Open the tracking store and create the parent run of a flow run."""
        uri, place = tracking_uri(home)
        tracker = cls(None, uri)
        try:
            tracker.client = MlflowClient(uri)
            tracker.experiment_id = experiment_id(tracker.client, place)
        except MlflowException as error:
            tracker._give_up(error)
            return tracker
        tracker.parent = StepRun(tracker, tracker._create(name, {**tags, KIND: "flow"}))
        tracker._params(tracker.parent, params)
        return tracker

    def finish(self, status: str) -> None:
        """End the parent run as FINISHED, FAILED or KILLED."""
        self.parent.flush()
        self.parent.call(lambda c, run: c.set_terminated(run, status))

    def logged(self, key: str) -> str | None:
        """Return the id of the complete run of a step, if there is one."""
        query = f"tags.`{KEY}` = '{key}' and tags.`{COMPLETE}` = 'yes'"
        return self._find(query)

    def link(self, title: str, run_id: str) -> None:
        """Note on the parent that a step's result comes from an earlier run."""
        self.parent.tags({f"gner.reused.{title}": run_id})

    @contextmanager
    def step_run(
        self, title: str, *, key: str, kind: str, params: Mapping[str, Any]
    ) -> Iterator[StepRun]:
        """Open the child run of a step; go on with one that an earlier attempt left open."""
        run_id = self._find(f"tags.`{KEY}` = '{key}' and attributes.status = 'RUNNING'")
        if run_id:
            run = StepRun(self, run_id, self._steps(run_id))
            run.tags({"mlflow.parentRunId": self.parent.run_id or ""})
        else:
            tags = {KEY: key, KIND: kind, "mlflow.parentRunId": self.parent.run_id or ""}
            run = StepRun(self, self._create(title, tags))
            self._params(run, params)
        try:
            yield run
        except BaseException:
            run.flush()
            run.call(lambda c, run: c.set_terminated(run, "FAILED"))
            raise
        run.flush()
        run.tags({COMPLETE: "yes"})
        run.call(lambda c, run: c.set_terminated(run, "FINISHED"))

    def attempt(self, work: Callable[[MlflowClient], Any]) -> Any:
        """Call MLflow; a fault switches tracking off for the rest of this run."""
        if self.client is None:
            return None
        try:
            return work(self.client)
        except MlflowException as error:
            self._give_up(error)
            return None

    def _give_up(self, error: MlflowException) -> None:
        reason = _first_line(error)
        log.warning("tracking is off for this run: %s does not work (%s)", self.uri, reason)
        self.client = None

    def _create(self, name: str, tags: Mapping[str, str]) -> str | None:
        created = self.attempt(
            lambda c: c.create_run(self.experiment_id, run_name=name, tags=dict(tags))
        )
        return created.info.run_id if created else None

    def _params(self, run: StepRun, values: Mapping[str, Any]) -> None:
        items = [Param(k, str(v)[:PARAM_CHARACTERS]) for k, v in _flat(values)]
        for start in range(0, len(items), BATCH):
            part = items[start : start + BATCH]
            run.call(partial(_log_params, params=part))

    def _find(self, query: str) -> str | None:
        found = self.attempt(lambda c: c.search_runs([self.experiment_id], query, max_results=1))
        return found[0].info.run_id if found else None

    def _steps(self, run_id: str) -> set[int]:
        history = self.attempt(lambda c: c.get_metric_history(run_id, "loss"))
        return {metric.step for metric in history or []}


def tracking_uri(home: Path) -> tuple[str, str | None]:
    """Return MLflow's address, and the folder of artifacts where it is the one in the home folder."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if uri:
        return uri, None
    home.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{home.absolute()}/mlflow.db", str(home.absolute() / "mlartifacts")


def experiment_id(client: MlflowClient, place: str | None) -> str:
    """Return the id of gner's experiment; it is created with `place` as its folder of artifacts."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        # The tag lets the UI open the experiment as model training, not as GenAI traces.
        tags = {"mlflow.experimentKind": "custom_model_development"}
        return str(client.create_experiment(EXPERIMENT, place, tags))
    return str(found.experiment_id)


def log_pyfunc(checkpoint: Path, *, name: str, beams: int, home: Path) -> tuple[str, str]:
    """Log a checkpoint with its weights as a model that MLflow serves; return its and MLflow's URI.

    Raises:
        InputError: when MLflow cannot be reached or refuses the model.
    """
    uri, place = tracking_uri(home)
    signature = ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "text")]),
        outputs=Schema([ColSpec(AnyType(), "entities")]),
        params=ParamSchema([ParamSpec("types", DataType.string, [], shape=(-1,))]),
    )
    mlflow.set_tracking_uri(uri)
    try:
        mlflow.set_experiment(experiment_id=experiment_id(MlflowClient(uri), place))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*An input example was not provided")  # it would
            logged = mlflow.pyfunc.log_model(  # be predicted here, and load the model
                name=name,
                python_model=str(SERVING_MODEL),
                artifacts={"checkpoint": str(checkpoint.absolute())},
                signature=signature,
                model_config={"beams": beams},
                pip_requirements=[f"gner=={version('gner')}"],
            )
    except MlflowException as error:
        raise InputError(f"{uri}: the model cannot be logged ({_first_line(error)})") from None
    return str(logged.model_uri), uri


def _first_line(error: MlflowException) -> str:
    return str(error).strip().splitlines()[0][:200]


def _log_metrics(client: MlflowClient, run_id: str, *, metrics: list[Metric]) -> None:
    client.log_batch(run_id, metrics=metrics)


def _log_params(client: MlflowClient, run_id: str, *, params: list[Param]) -> None:
    client.log_batch(run_id, params=params)


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
