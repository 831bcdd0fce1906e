"""Checkpoints that gner did not train: evaluated, used and watched like its own."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import mlflow
import pandas as pd
import pytest
import yaml

from gner_core.backbones.importing import import_backbone
from tests.flows.conftest import GNER, Home, ran_steps
from tests.gner_core.conftest import Family, TinyModel, backbone
from tests.gner_core.foreign import foreign_copy, models_file
from tests.gner_core.hub_server import HubServer, Repository, hub_server

TYPES = ("--types", "person, city")
TEXT = "Ada Lovelace flew to Rome.\n"
TAGGED = "Ada\tB-PER\nwaves\tO\nto\tO\nRome\tB-LOC\n\nBo\tB-PER\nwaits\tO\n"
EXPERIMENT = """
name: foreign
data_root: package
corpora: {params}/corpora/demo.yaml
tests:
  t5: {{ of: {{ checkpoint: t5, about: t5.yaml }}, data: {{ corpora: [music], per_corpus: 4 }} }}
  llama: {{ of: {{ checkpoint: llama.yaml }}, data: {{ corpora: [music], per_corpus: 4 }} }}
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Family], TinyModel]:
    models = {}
    for family in ("encoder_decoder", "decoder_only"):
        folder = tmp_path_factory.mktemp(family)
        params = backbone(family)  # type: ignore[arg-type]
        import_backbone(params, folder=folder, texts=["Ada waves to Rome.", "person city B- I- O"])
        models[family] = TinyModel(folder, params)
    return models.__getitem__


@pytest.fixture
def home(tmp_path: Path, root: Path, database: Path) -> Home:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "mlflow.db").write_bytes(database.read_bytes())
    return Home(folder, root)


@pytest.fixture
def plain(tiny: Callable[[Family], TinyModel], tmp_path: Path) -> Path:
    """A folder with a T5 in pickled shards, a LLaMA in one pickle, and their models files."""
    for name, family, shards in (("t5", "encoder_decoder", 3), ("llama", "decoder_only", 1)):
        model = tiny(family)  # type: ignore[arg-type]
        foreign_copy(model, tmp_path / name, shards=shards)
        source = {"kind": "folder", "path": name}
        models_file(model, tmp_path / f"{name}.yaml", name=f"tiny {name}", source=source)
    return tmp_path


def test_plain_folders_are_evaluated_and_used_for_predictions(plain: Path, home: Home) -> None:
    file = plain / "experiment.yaml"
    file.write_text(EXPERIMENT.format(params=home.root / "params"))
    done = home.gner("run", str(file))
    assert done.code == 0, done.err
    assert ran_steps(done.out).count("backbone") == 2
    assert {line.split()[0] for line in done.out.splitlines() if " mean " in line} == {
        "t5",
        "llama",
    }
    found = {}
    for name, about in (("t5", ("--about", str(plain / "t5.yaml"))), ("llama.yaml", ())):
        used = home.gner("predict", str(plain / name), "-", "--format", "json", *TYPES, *about, given=TEXT)  # fmt: skip
        assert used.code == 0, used.err
        found[name] = json.loads(used.out)
        assert found[name]["text"] == TEXT.strip()
    (plain / "own.tsv").write_text(TAGGED)
    scored = home.gner("test", str(plain / "llama.yaml"), str(plain / "own.tsv"), "--json")
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["texts"]["all"] == 2
    assert len([*(home.folder / "store" / "backbone").iterdir()]) == 2  # imported once, for all
    assert not [*(home.folder / "store").rglob("*.bin")]


def test_a_foreign_checkpoint_is_logged_with_what_it_is(plain: Path, home: Home) -> None:
    done = home.gner("log-model", str(plain / "llama.yaml"))
    assert done.code == 0, done.err
    lines = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    with patch.dict(os.environ, home.environment()):
        mlflow.set_tracking_uri(lines["tracking"])
        model = mlflow.pyfunc.load_model(lines["model"])
        (answer,) = model.predict(pd.DataFrame({"text": [TEXT]}), params={"types": ["person"]})
        mlflow.set_tracking_uri("")
    assert all(TEXT[one["start"] : one["end"]] == one["text"] for one in answer["entities"])


UNINER = {"kind": "uniner", "answer_tokens": 8, "type_names": "names.yaml"}


@pytest.fixture
def uniner(tiny: Callable[[Family], TinyModel], plain: Path) -> Path:
    """The models file of a random LLaMA that is said to be UniNER."""
    (plain / "names.yaml").write_text("city: town\n")
    foreign_copy(tiny("decoder_only"), plain / "uniner")
    source = {"kind": "folder", "path": "uniner"}
    return models_file(
        tiny("decoder_only"),
        plain / "uniner.yaml",
        name="tiny UniNER",
        source=source,
        system=UNINER,
    )


def test_a_checkpoint_of_another_system_predicts_and_is_tested(
    uniner: Path, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    used = home.gner("predict", str(uniner), "-", "--format", "json", *TYPES, given=TEXT)
    assert used.code == 0, used.err
    assert json.loads(used.out)["text"] == TEXT.strip()
    assert "answers left out or cut: " in caplog.text  # a random model ends no answer
    assert "2 cut off at the token limit" in caplog.text
    caplog.clear()
    (uniner.parent / "own.tsv").write_text(TAGGED)
    tested = home.gner("test", str(uniner), str(uniner.parent / "own.tsv"), "--json")
    assert tested.code == 0, tested.err
    found = json.loads(tested.out)
    assert found["answers"]["calls"] == 4  # two sentences, two types
    assert found["pair"]["micro"]["gold"] == found["published"]["micro"]["gold"] == 3
    assert "4 cut off at the token limit" in caplog.text
    shown = home.gner("test", str(uniner), str(uniner.parent / "own.tsv"), "--by-type")
    assert "published: the metric of the system's authors" in shown.out
    own = str(uniner.parent / "own.tsv")
    for command in (("predict", str(uniner), own, *TYPES), ("test", str(uniner), own)):
        refused = home.gner(*command, "--beams", "2")
        assert refused.code == 2
        assert "beams are for gner's guided decoding" in refused.err


def test_a_logged_model_carries_the_files_of_its_system(uniner: Path, home: Home) -> None:
    done = home.gner("log-model", str(uniner))
    assert done.code == 0, done.err
    (uniner.parent / "names.yaml").unlink()
    lines = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    with patch.dict(os.environ, home.environment()):
        mlflow.set_tracking_uri(lines["tracking"])
        model = mlflow.pyfunc.load_model(lines["model"])
        mlflow.set_tracking_uri("")
    with pytest.warns(UserWarning, match="answers left out or cut"):
        (answer,) = model.predict(pd.DataFrame({"text": [TEXT]}), params={"types": ["city"]})
    assert all(one["confidence"] is None for one in answer["entities"])
    values = yaml.safe_load(uniner.read_text())
    uniner.write_text(yaml.safe_dump({**values, "system": {"kind": "gliner"}}))
    refused = home.gner("log-model", str(uniner))
    assert refused.code == 2
    assert "the system gliner needs the environment of its package" in refused.err


@pytest.fixture
def hub(plain: Path) -> Iterator[HubServer]:
    """A hub with the T5 in pickled shards, and with a checkpoint of gner."""
    with hub_server() as running:
        files = {file.name: file.read_bytes() for file in (plain / "t5").iterdir()}
        running.repositories["models/us/tiny-t5"] = Repository(files)
        yield running


def on_hub(
    home: Home, hub: HubServer, *arguments: str, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own: the hub's client reads HF_ENDPOINT when it is imported."""
    environment = {**home.environment(), **hub.environment(str(home.folder / "hf"))}
    return subprocess.run(
        [*GNER, *arguments],
        cwd=home.root,
        env={name: one for name, one in environment.items() if name != "HF_TOKEN"},
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.mark.slow
def test_a_hub_id_is_used_through_the_real_client(plain: Path, home: Home, hub: HubServer) -> None:
    commit = Repository({}).commit
    about = ("--about", str(plain / "t5.yaml"))
    used = on_hub(home, hub, "predict", "us/tiny-t5", "-", "--format", "json", *TYPES, *about, given=TEXT)  # fmt: skip
    assert used.returncode == 0, used.stderr
    assert f"newest commit, us/tiny-t5@{commit}" in used.stderr
    (key,) = (home.folder / "store" / "backbone").iterdir()
    source = json.loads((key / "manifest.json").read_text())["identity"]
    assert source == {"kind": "hub", "repo": "us/tiny-t5", "revision": commit}
    same = home.gner("predict", str(plain / "t5.yaml"), "-", "--format", "json", *TYPES, given=TEXT)
    assert json.loads(used.stdout) == json.loads(same.out)
    unpinned = plain / "unpinned.yaml"
    values = yaml.safe_load((plain / "t5.yaml").read_text())
    values["source"] = {"kind": "hub", "repo": "us/tiny-t5", "revision": "unverified"}
    unpinned.write_text(yaml.safe_dump(values))
    file = plain / "experiment.yaml"
    file.write_text(EXPERIMENT.format(params=home.root / "params").replace("t5, about: t5.yaml", "unpinned.yaml"))  # fmt: skip
    refused = home.gner("run", str(file))
    assert refused.code == 2
    assert "us/tiny-t5: no commit is named" in refused.err
    listed = home.gner("run", str(file), "--dry-run")
    assert "(after-pinning)" in listed.out
    pinned = on_hub(home, hub, "pin", str(unpinned))
    assert pinned.stdout.split() == [str(unpinned), "us/tiny-t5", "unverified", "→", commit]
    known = home.gner("run", str(file), "--dry-run")
    assert f"published  backbone  {key.name}" in " ".join(known.out.split("\n"))
