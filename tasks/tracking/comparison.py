"""The comparison of an experiment's runs in MLflow: columns of the table, and links."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from gner_core.errors import without_credentials

ALWAYS = ("backbone.name", "decode.mode", "decode.beams")
"""Parameters that are shown even if they are the same in all runs."""
DIFFERENT = 6
"""Further parameters at most: those that differ between the runs."""
EXPERIMENT = "gner.experiment"
"""The tag of a flow run that names its experiment; its own name also says what differs from the file."""
TRAINING = "workflowType=machine_learning"
"""Has the UI open its pages for model training, not those for traces of prompts."""
SIDE_BY_SIDE = 6
"""Runs at most on MLflow's page that compares parameters, metrics and curves."""


@dataclass(frozen=True, slots=True)
class FlowRun:
    """A run of the whole pipeline in MLflow."""

    run_id: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]


def columns(runs: Sequence[FlowRun]) -> list[str]:
    """Return MLflow's names of the columns: macro F1, F1 per corpus, parameters that matter."""
    metrics = {name for run in runs for name in run.metrics if name.endswith("/f1")}
    params = {name for run in runs for name in run.params}
    fixed = [name for name in ALWAYS if name in params]
    differing = [
        name
        for name in sorted(params - {*fixed})
        if len({run.params.get(name) for run in runs}) > 1
    ]
    by_depth = sorted(metrics, key=lambda name: (name.count("/"), name))
    return [
        *(f"metrics.`{name}`" for name in by_depth),
        *(f"params.`{name}`" for name in [*fixed, *differing[:DIFFERENT]]),
        "attributes.`Duration`",
    ]


def view(name: str, runs: Sequence[FlowRun]) -> str:
    """Return what MLflow keeps as a shared view: the flow runs of an experiment, newest first."""
    shown = columns(runs)
    return json.dumps(
        {
            "searchFilter": f"tags.`gner.kind` = 'flow' and tags.`{EXPERIMENT}` = '{name}'",
            "orderByKey": "attributes.start_time",
            "orderByAsc": False,
            "selectedColumns": shown,
            "columnOrder": shown,
            "runsExpanded": {},
        }
    )


def links(uri: str, *, experiment: str, name: str, runs: Sequence[FlowRun]) -> dict[str, str]:
    """Return links to the first run and its comparison with the others; none without a server."""
    if not uri.startswith(("http://", "https://")):
        return {}
    base = _base(uri)
    all_runs = f"{base}/experiments/{experiment}/runs"
    found = {
        **run_link(uri, experiment=experiment, run_id=runs[0].run_id),
        "all runs compared": f"{all_runs}?viewStateShareKey={name}&{TRAINING}",
    }
    if len(runs) > 1:
        chosen = quote(json.dumps([run.run_id for run in runs[:SIDE_BY_SIDE]]))
        listed = quote(json.dumps([experiment]))
        given = f"runs={chosen}&experiments={listed}&{TRAINING}"
        found["side by side"] = f"{base}/compare-runs?{given}"
    return found


def run_link(uri: str, *, experiment: str, run_id: str) -> dict[str, str]:
    """Return the link to one run; none without a server."""
    if not uri.startswith(("http://", "https://")):
        return {}
    return {"MLflow run": f"{_base(uri)}/experiments/{experiment}/runs/{run_id}?{TRAINING}"}


def _base(uri: str) -> str:
    return f"{without_credentials(uri).rstrip('/')}/#"
