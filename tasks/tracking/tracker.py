"""The runs in MLflow: a parent for each flow run, and children for its steps.

A training is a child of the flow run; an evaluation is a child of the training that it tests, if
that is of the same flow run. Runs are found again by the key of their step: that of a skipped step
is linked from the new parent, and one that was ended is continued. Each run names its process: what
a dead process of this machine left open is closed as KILLED by the next flow run.

A tracking server that fails neither stops nor delays a run: all calls go through an outbox
(`tasks.tracking.outbox`), and what was not sent is logged from the store by the next run of the same
command. So every call may be made twice: points keep the time of their journal, runs are searched
by a tag before they are made, files are replaced.
"""

import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gner_core.runtime.processes import this_process
from tasks import provenance
from tasks.tracking.comparison import EXPERIMENT, FlowRun, links, run_link, view
from tasks.tracking.dead_runs import PROCESS, RUNNING, close_dead_runs, is_free
from tasks.tracking.mlflow_run import COMPLETE, FAILED, MISSING, StepRun, run_tags
from tasks.tracking.names import mlflow_name
from tasks.tracking.outbox import NoOutbox, Outbox
from tasks.tracking.server import TrackingStore, is_away, tracking_store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

KEY, KIND, FLOW = "gner.key", "gner.kind", "gner.flow"
CHECKPOINT = "gner.checkpoint"
"""The tag with the checkpoint that a run made or tested; with `.STAGE` that of one training stage."""
PARENT = "mlflow.parentRunId"
SOURCE = ("mlflow.source.name", "mlflow.source.type", "mlflow.user")
"""Tags of a flow run that the runs of its steps have, too."""
VIEW = "mlflow.sharedViewState."
"""Prefix of the tags of an experiment that hold a view of its runs for the MLflow UI."""
COMPARED = 20

log = logging.getLogger("gner")
logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of every try; the outbox of one


class Tracker:
    """The parent run of one flow run, and its children."""

    def __init__(self, mlflow: TrackingStore, outbox: Outbox) -> None:
        """Bind a tracking store and the outbox whose thread makes all calls to it."""
        self.mlflow, self.outbox = mlflow, outbox
        self.links: dict[str, str] = {}
        """To this flow run and its comparison with earlier ones; set by `finish`."""
        self.parent = StepRun(outbox, mlflow, name="the flow run", made=None)
        self._inherited: Mapping[str, str] = {}
        """Tags that all runs of this flow run have: its source and its Prefect run."""
        self.logged: dict[str, StepRun] = {}
        """By key, those that this flow run logs."""
        self._runs: list[StepRun] = []
        """All runs of this flow run, also those below the points of a sweep."""

    @classmethod
    def untracked(cls) -> "Tracker":
        """Return a tracker that sends nothing to MLflow."""
        return cls(TrackingStore("", None), NoOutbox())

    @classmethod
    def start(
        cls, *, name: str, params: Mapping[str, Any], tags: Mapping[str, str], home: Path
    ) -> "Tracker":
        """Open the parent run of a flow run; its tags say what it runs, from where, and where.

        The tag `gner.experiment` groups it with earlier runs that it is compared with.
        """
        mlflow = tracking_store(home)
        tracker = cls(mlflow, Outbox(f"MLflow at {mlflow.shown_uri}", is_away=is_away))
        flow = uuid.uuid4().hex
        on_prefect = provenance.prefect_tags()
        source = {tag: tags[tag] for tag in SOURCE if tag in tags}
        tracker._inherited = {**source, **on_prefect}
        here = {**provenance.tags(provenance.facts()), **on_prefect, EXPERIMENT: name}
        given = {**here, **tags, KIND: "flow", FLOW: flow}
        began = int(time.time() * 1000)

        def start() -> str:
            known = mlflow.runs(f"tags.`{FLOW}` = '{flow}'")
            return tracker._start(tracker.parent, known[:1], name, given, began=began)

        tracker.outbox.put("end of runs whose processes died", lambda: close_dead_runs(mlflow))
        tracker.parent.open(start)
        tracker.parent.params(params)
        return tracker

    def finish(self, status: str) -> None:
        """End all runs; wait until all is sent, or not at all where the server is away."""
        for run in reversed(self._runs):
            run.end("KILLED")  # those that are still open
        self.parent.end(status)
        self.parent.call("comparison with earlier runs", self._compare)
        if unmade := self.outbox.close():
            log.warning(
                "%s: %d calls were not made; losses and scores are logged, from the store, by the "
                "next run of the same command",
                self.outbox.service,
                unmade,
            )

    def own_link(self) -> dict[str, str]:
        """Return the link to the parent run; none without a server, or where that run is not known.

        It is known after `finish`; where an earlier run is linked instead, there is none.
        """
        if self.parent.run_id is None:
            return {}
        store = self.mlflow
        return run_link(store.uri, experiment=store.experiment, run_id=self.parent.run_id)

    def below(self, run: StepRun) -> "Tracker":
        """Return a tracker whose parent is a child of ours, such as the run of a point of a sweep.

        End that run before `finish`.
        """
        tracker = copy(self)
        tracker.logged = {}  # a training of another point is not above our evaluations
        tracker.parent = run
        return tracker

    def step_run(
        self,
        title: str,
        *,
        key: str,
        kind: str,
        params: Mapping[str, Any],
        reuse_as: str | None = None,
        within: str = "",
        made: datetime | None = None,
    ) -> StepRun:
        """Open the child run of a step, or continue one that an earlier attempt did not complete.

        Args:
            reuse_as: if a complete run of the step exists, the parent links it by this name and
                nothing is logged; None logs the step in any case.
            within: key of a step; if this flow run logs that step, its run is the parent.
            made: when the step's artifact was published; the same in every attempt to log it.
        """
        run = StepRun(self.outbox, self.mlflow, name=title, made=made)
        began, above = int(time.time() * 1000), self.logged.get(within)

        def start() -> str | None:
            earlier = self.mlflow.runs(f"tags.`{KEY}` = '{key}'")
            complete = [given for given in earlier if given.data.tags.get(COMPLETE) == "yes"]
            if reuse_as and complete:
                if self.parent.run_id is not None:
                    reused = mlflow_name(f"gner.reused.{reuse_as}")
                    known = complete[0].info.run_id
                    self.mlflow.client.set_tag(self.parent.run_id, reused, known)
                return None
            parent = (above and above.run_id) or self.parent.run_id or ""
            tags = {KEY: key, KIND: kind, PARENT: parent, **self._inherited}
            left = [given for given in earlier if given not in complete and is_free(given)]
            return self._start(run, left[:1], title, tags, began=began)

        self.logged[key] = run
        self._runs.append(run)
        run.open(start)
        run.params(params)
        return run

    # What follows runs in the thread of the outbox.

    def _start(
        self,
        run: StepRun,
        known: "Sequence[Run]",
        name: str,
        tags: Mapping[str, str],
        *,
        began: int,
    ) -> str:
        """Return the id of the known run, or of a new one."""
        tags = {**tags, PROCESS: this_process()}
        if known:
            run_id = str(known[0].info.run_id)
            self.mlflow.client.log_batch(run_id, tags=run_tags(tags))
            for fault in {FAILED, MISSING} & known[0].data.tags.keys():
                self.mlflow.client.delete_tag(run_id, fault)
            if known[0].info.status != RUNNING:
                self.mlflow.client.update_run(run_id, status=RUNNING)
        else:
            made = self.mlflow.client.create_run(self.mlflow.experiment, began, tags, name)
            run_id = str(made.info.run_id)
        for metric in self.mlflow.client.get_run(run_id).data.metrics:
            history = self.mlflow.client.get_metric_history(run_id, metric)
            run.sent[metric] |= {point.step for point in history}
        return run_id

    def _compare(self, client: "MlflowClient", run_id: str) -> None:
        """Let the UI compare this flow run with earlier ones of the same experiment."""
        name = client.get_run(run_id).data.tags[EXPERIMENT]
        query = f"tags.`{KIND}` = 'flow' and tags.`{EXPERIMENT}` = '{name}'"
        found = client.search_runs([self.mlflow.experiment], query, max_results=COMPARED)
        runs = [FlowRun(r.info.run_id, r.data.params, r.data.metrics) for r in found]
        runs.sort(key=lambda run: run.run_id != run_id)  # this one first
        client.set_experiment_tag(self.mlflow.experiment, f"{VIEW}{name}", view(name, runs))
        self.links = links(self.mlflow.uri, experiment=self.mlflow.experiment, name=name, runs=runs)
