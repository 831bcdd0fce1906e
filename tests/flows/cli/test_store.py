"""What there is and what nobody refers to, after params/tiny.yaml has run; names of checkpoints."""

import json
import shutil
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from gner_core.errors import InputError
from tasks.checkpoints.foreign import usable
from tests.flows.conftest import Home


@pytest.fixture
def client(own_home: Home, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """MLflow of the home, which this process uses, too."""
    monkeypatch.setenv("GNER_HOME", str(own_home.folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return MlflowClient(f"sqlite:///{own_home.folder}/mlflow.db")


def test_runs_are_listed_with_scores_checkpoints_and_report(own_home: Home) -> None:
    (run,) = json.loads(own_home.gner("runs", "--json").out)
    assert (run["name"], run["status"], run["differs"]) == ("tiny", "FINISHED", "")
    assert {*run["scores"]} == {"baseline", "zero-shot", "supervised"}
    assert (own_home.folder / "store" / run["report"] / "manifest.json").exists()
    assert run["command"] == "gner run params/tiny.yaml"
    shown = own_home.gner("runs").out
    assert all(len(line) <= 120 for line in shown.splitlines())
    for step in run["checkpoints"].values():
        assert step[: len("train/") + 8] in shown


def test_models_are_listed_with_run_scores_key_and_size(own_home: Home) -> None:
    found = {model["name"]: model for model in json.loads(own_home.gner("models", "--json").out)}
    assert {*found} == {"adaptation", "finetuning"}
    adapted = found["adaptation"]
    weights = Path(adapted["where"]) / "model.safetensors"
    assert adapted["bytes"] > weights.stat().st_size
    assert adapted["runs"] == ["tiny"]
    assert {*adapted["scores"]} == {"zero-shot"}
    assert adapted["version"] in {1, 2}
    assert adapted["step"][:14] in own_home.gner("models").out


def test_an_empty_home_has_no_runs_and_no_models(tmp_path: Path, root: Path) -> None:
    home = Home(tmp_path / "home", root)
    assert home.gner("runs", "--json").out == "[]\n"
    assert "no trained checkpoints" in home.gner("models").out
    assert "nothing to free" in home.gner("clean").out
    assert not (home.folder / "mlflow.db").exists()


def test_a_checkpoint_has_many_names(own_home: Home, client: MlflowClient) -> None:
    found = {model["name"]: model for model in json.loads(own_home.gner("models", "--json").out)}
    adapted, tuned = (Path(found[name]["where"]) for name in ("adaptation", "finetuning"))
    client.set_registered_model_alias("gner", "champion", str(found["adaptation"]["version"]))
    assert usable("champion", None).folder == adapted
    assert usable(adapted.name[:8], None).folder == adapted
    assert usable(f"train/{adapted.name[:6]}", None).folder == adapted
    assert usable("adaptation", None).folder == adapted
    assert usable("tiny/adaptation", None).folder == adapted
    assert usable("tiny", None).folder == tuned


def test_a_key_that_two_artifacts_share_is_refused(own_home: Home, client: MlflowClient) -> None:
    first = min((own_home.folder / "store" / "train").iterdir())
    shutil.copytree(
        first, first.with_name(f"{first.name[:-1]}{'1' if first.name[-1] == '0' else '0'}")
    )
    with pytest.raises(InputError, match=r"2 artifacts begin so \(train/.*give more of a key"):
        usable(first.name[:10], None)
    assert usable(first.name, None).folder == first
    with pytest.raises(InputError, match="2 artifacts have this name"):
        usable(json.loads((first / "manifest.json").read_text())["title"], None)


def test_predict_takes_short_keys(own_home: Home) -> None:
    folder = min((own_home.folder / "store" / "train").iterdir())
    done = own_home.gner(
        *("predict", folder.name[:8], "-", "--types", "person", "--format", "json"), given="Ada\n"
    )
    assert done.code == 0, done.err
    assert json.loads(done.out)["text"] == "Ada"
    (unknown,) = own_home.gner("predict", "nobody", "-", "--types", "x").err.splitlines()
    assert "`gner models` lists the checkpoints" in unknown


def test_the_registered_champion_can_be_loaded(
    own_home: Home, first_run: Path, client: MlflowClient
) -> None:
    version = client.search_model_versions("name = 'gner'")[0]
    client.set_registered_model_alias("gner", "champion", version.version)
    mlflow.set_tracking_uri(f"sqlite:///{own_home.folder}/mlflow.db")
    try:
        model = mlflow.pyfunc.load_model("models:/gner@champion")
    finally:
        mlflow.set_tracking_uri(None)
    (row,) = model.predict([{"text": "Ada was born in London."}], params={"types": ["person"]})
    assert isinstance(row["entities"], list)
    assert not list(first_run.glob("mlartifacts/**/*.safetensors"))


def test_weights_can_be_read_as_other_files_can(own_home: Home) -> None:
    for weights in own_home.folder.glob("store/*/*/*.safetensors"):
        assert weights.stat().st_mode == (weights.parent / "manifest.json").stat().st_mode


def test_what_no_report_and_no_version_refers_to_is_freed(own_home: Home) -> None:
    assert "nothing to free" in own_home.gner("clean").out
    (report,) = (own_home.folder / "store" / "report").iterdir()
    shutil.rmtree(report)
    listed = json.loads(own_home.gner("clean", "--json").out)
    kinds = {one["ref"].partition("/")[0] for one in listed}
    assert kinds == {"generate", "score", "sample", "corpus"}
    assert all((own_home.folder / "store" / one["ref"]).is_dir() for one in listed)
    freed = own_home.gner("clean", "--free")
    assert f"freed {len(listed)} artifacts" in freed.out
    assert not any((own_home.folder / "store" / one["ref"]).exists() for one in listed)
    assert len(list((own_home.folder / "store" / "train").iterdir())) == 2  # registered
    again = own_home.gner("run", "params/tiny.yaml")
    assert again.code == 0, again.err
