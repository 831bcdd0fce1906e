"""The columns and links by which runs are compared in MLflow."""

import json
from urllib.parse import parse_qs, urlsplit

from tasks.tracking.comparison import FlowRun, columns, links, view

ONE = FlowRun(
    "a1",
    params={"decode.beams": "1", "decode.mode": "free", "system.labels": "BIO", "same": "x"},
    metrics={
        "baseline/news/f1": 0.0,
        "supervised/f1": 0.5,
        "supervised/news/f1": 0.4,
        "supervised/recall": 0.3,
    },
)
FOUR = FlowRun("b2", params={**ONE.params, "decode.beams": "4"}, metrics={"zero-shot/f1": 0.1})
OTHER = FlowRun("c3", params={**ONE.params, "system.labels": "BIOES"}, metrics={})


def test_columns_are_mean_f1_then_corpora_then_parameters_that_matter() -> None:
    assert columns([ONE, FOUR, OTHER]) == [
        "metrics.`supervised/f1`",
        "metrics.`zero-shot/f1`",
        "metrics.`baseline/news/f1`",
        "metrics.`supervised/news/f1`",
        "params.`decode.mode`",
        "params.`decode.beams`",
        "params.`system.labels`",  # differs; `same` does not
        "attributes.`Duration`",
    ]


def test_the_view_shows_flow_runs_of_one_experiment() -> None:
    shown = json.loads(view("tiny", [ONE]))
    assert shown["searchFilter"] == "tags.`gner.kind` = 'flow' and tags.`gner.experiment` = 'tiny'"
    assert shown["selectedColumns"] == columns([ONE])


def test_links_lead_to_the_run_the_view_and_the_comparison() -> None:
    found = links("http://me:word@host:5000/", experiment="7", name="tiny", runs=[ONE, FOUR])
    assert (
        found["MLflow run"]
        == "http://host:5000/#/experiments/7/runs/a1?workflowType=machine_learning"
    )
    assert "viewStateShareKey=tiny" in found["all runs compared"]
    assert all("workflowType=machine_learning" in link for link in found.values())
    compared = parse_qs(urlsplit(urlsplit(found["side by side"]).fragment).query)
    assert json.loads(compared["runs"][0]) == ["a1", "b2"]
    assert "side by side" not in links("http://h", experiment="7", name="tiny", runs=[ONE])
    assert links("sqlite:////x/mlflow.db", experiment="7", name="tiny", runs=[ONE]) == {}
