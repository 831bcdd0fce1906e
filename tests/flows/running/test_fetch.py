"""A run with data_root "cache": its corpora are fetched first, and keys stay the same."""

from pathlib import Path

import pytest
from rich.console import Console

from flows.running.fetch import fetch_corpora
from flows.running.submit import in_process
from gner_core.config.experiment import Experiment
from gner_core.config.reading.files import read_experiment
from gner_core.errors import InputError
from tasks.plans.experiment import plan_experiment, used_corpora
from tasks.standalone.bench.measuring import untracked_run
from tasks.workers import Workers
from tests.gner_core.faulty_server import FaultyServer, faulty_server, status

DEMO = Path("gner_core") / "corpora" / "demo"


def from_server(experiment: Experiment, server: FaultyServer, root: Path) -> Experiment:
    """Return the experiment with corpora that come from the server."""
    values = experiment.model_dump(mode="json", by_alias=True)
    values["data_root"] = "cache"
    for corpus in values["corpora"].values():
        names = [name for files in corpus["files"].values() for name in files]
        for name in names:
            server.files[f"/{name}"] = (root / DEMO / name).read_bytes()
        urls = {name: f"{server.url}/{name}" for name in names}
        corpus["sources"] = [{"kind": "https", "verified": False, "urls": urls}]
    return Experiment.model_validate(values)


def test_a_run_fetches_what_it_needs_once_and_plans_the_same_keys(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNER_HOME", str(tmp_path))
    monkeypatch.setattr(Workers, "start_server", lambda _: None)  # none is needed
    packaged = read_experiment(root / "params" / "tiny.yaml", overrides=[])
    with faulty_server() as server:
        experiment = from_server(packaged, server, root)
        ahead = plan_experiment(experiment)
        assert ahead.report.unfetched == tuple(ahead.corpora)
        with (
            untracked_run(experiment, console=Console(quiet=True)) as run,
            pytest.raises(InputError, match=r"not fetched yet; do it with: gner data fetch"),
        ):
            run.ensure(next(iter(ahead.corpora.values())), lambda _: None)
        fetch_corpora(used_corpora(experiment), experiment.data_root, in_process)
        asked = {request.path for request in server.asked}
        fetch_corpora(used_corpora(experiment), experiment.data_root, in_process)
    used = used_corpora(experiment).values()
    assert asked == {f"/{name}" for c in used for names in c.files.values() for name in names}
    assert len(server.asked) == len(asked)
    keys = {name: step.ref for name, step in plan_experiment(experiment).corpora.items()}
    assert keys == {name: step.ref for name, step in plan_experiment(packaged).corpora.items()}


def test_a_corpus_that_cannot_be_had_ends_the_run_before_it_begins(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNER_HOME", str(tmp_path))
    with faulty_server() as server:
        packaged = read_experiment(root / "params" / "tiny.yaml", overrides=[])
        experiment = from_server(packaged, server, root)
        server.always("/news-train.tsv", status(404))
        with pytest.raises(InputError, match=r"news: .*news-train.tsv"):
            fetch_corpora(used_corpora(experiment), experiment.data_root, in_process)
