"""A call that MLflow refuses costs only itself; names that it does not take are rewritten."""

import re
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tasks.tracking import outbox
from tasks.tracking.names import mlflow_name
from tasks.tracking.tracker import Tracker
from tests.tasks.tracking.conftest import Link, logged, start, steps

FOREVER = 1000


def log_adaptation(home: Path) -> Tracker:
    """Log the same training, with a data set, a point and a figure."""
    tracker = start(home)
    with tracker.step_run("adaptation", key="k", kind="training", params={"lr": 1}) as run:
        run.dataset(name="news", digest="d", source="file", context="training")
        run.point({"loss": 1.0}, step=1, at=5)
        run.values({"f1": 0.5})
    tracker.finish("FINISHED")
    return tracker


def refusals(said: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in said.records if " refuses " in record.message]


def test_a_refused_call_costs_only_itself_and_the_next_run_makes_it(
    tmp_path: Path, link: Link, said: pytest.LogCaptureFixture
) -> None:
    link.refuses["log_inputs"] = FOREVER
    tracker = log_adaptation(tmp_path)
    (child,), (parent,) = (
        logged(tracker.mlflow.uri, "adaptation"),
        logged(tracker.mlflow.uri, "toy"),
    )
    assert (child.info.status, parent.info.status) == ("FINISHED", "FINISHED")
    assert (child.data.metrics, child.data.params) == ({"loss": 1.0, "f1": 0.5}, {"lr": "1"})
    assert "gner.complete" not in child.data.tags
    first, last = refusals(said)
    assert "refuses data set news of adaptation (MlflowException: not for you)" in first
    assert first.endswith("tried again at the end") and last.endswith("it is not tracked")
    assert "2 calls were not made" in said.records[-1].message  # the other one: the mark
    assert FOREVER - link.refuses["log_inputs"] == 4
    link.refuses.clear()
    log_adaptation(tmp_path)
    (again,) = logged(tracker.mlflow.uri, "adaptation")
    assert again.info.run_id == child.info.run_id
    assert again.data.tags["gner.complete"] == "yes"
    assert [given.dataset.name for given in again.inputs.dataset_inputs] == ["news"]
    assert steps(tracker.mlflow.uri, again) == [1]


@pytest.mark.parametrize("method", ["create_run", "log_batch", "log_inputs", "set_tag"])
def test_what_was_refused_for_a_while_is_there_at_the_end(
    tmp_path: Path, link: Link, said: pytest.LogCaptureFixture, method: str
) -> None:
    link.refuses[method] = outbox.TRIES
    tracker = log_adaptation(tmp_path)
    (child,), (parent,) = (
        logged(tracker.mlflow.uri, "adaptation"),
        logged(tracker.mlflow.uri, "toy"),
    )
    assert (child.data.metrics, child.data.params) == ({"loss": 1.0, "f1": 0.5}, {"lr": "1"})
    assert child.data.tags["gner.complete"] == "yes"
    assert parent.data.params == {"a.b": "1"}
    assert len(refusals(said)) == 1


def test_of_runs_that_cannot_be_opened_there_is_one_line_each_and_one_at_the_end(
    tmp_path: Path, link: Link, said: pytest.LogCaptureFixture
) -> None:
    link.refuses["create_run"] = FOREVER
    tracker = log_adaptation(tmp_path)
    assert logged(tracker.mlflow.uri, "adaptation") == []
    words = [line.split(" refuses ")[1].split(" (")[0] for line in refusals(said)]
    assert words == ["opening of the flow run", "opening of adaptation"] * 2
    assert len(said.records) == 5


def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, link: Link, said: pytest.LogCaptureFixture
) -> None:
    tracker = start(tmp_path)
    tracker.parent.file(tmp_path / "report.html")
    tracker.parent.values({"f1": 0.5})
    tracker.finish("FINISHED")
    (parent,) = logged(tracker.mlflow.uri, "toy")
    assert (parent.info.status, parent.data.metrics) == ("FINISHED", {"f1": 0.5})
    assert "refuses file report.html of the flow run (FileNotFoundError" in refusals(said)[0]


ODD_NAMES = (
    *("Drug (brand)", "Drug [brand]", "R&D", "a, b", "it's", "50 %", "a@b", "a{b}", "two\nlines"),
    *("", ".", "..", "../up", "/root", "end/", "a//b", "a/./b", "a/../b", "x" * 300, "x" * 301),
)


def test_names_that_mlflow_does_not_take_are_rewritten_and_stay_apart(
    tmp_path: Path, link: Link, said: pytest.LogCaptureFixture
) -> None:
    names = {name: float(number) for number, name in enumerate(ODD_NAMES)}
    tracker = start(tmp_path)
    with tracker.step_run("adaptation", key="k", kind="training", params={"labels": names}) as run:
        run.values(names)
        run.tags(dict.fromkeys(names, "seen"))
        run.dataset(name=ODD_NAMES[0], digest="d", source="file", context="training")
        run.table("scores (all).json", lambda: {"a": [1]})
    tracker.finish("FINISHED")
    (child,) = logged(tracker.mlflow.uri, "adaptation")
    assert child.data.tags["gner.complete"] == "yes"
    assert sorted(child.data.metrics.values()) == list(range(len(ODD_NAMES)))
    assert len(child.data.params) == len(ODD_NAMES)
    assert list(child.data.tags.values()).count("seen") == len(ODD_NAMES)
    (file,) = MlflowClient(tracker.mlflow.uri).list_artifacts(child.info.run_id)
    assert file.path.startswith("scores _all_.json-")
    assert said.records == []


def test_a_name_that_mlflow_takes_stays_and_only_the_faulty_part_of_another_changes() -> None:
    assert mlflow_name("zero-shot/MIT movie: é.1/f1") == "zero-shot/MIT movie: é.1/f1"
    assert re.fullmatch(r"news/Drug _brand_-[0-9a-f]{6}/f1", mlflow_name("news/Drug (brand)/f1"))
    assert len(mlflow_name("x" * 300)) == 250
