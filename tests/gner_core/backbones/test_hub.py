"""Models by id and revision, from a local server that speaks the hub's interface.

The client reads HF_ENDPOINT when it is imported, so all models are imported in one process of their own.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gner_core.backbones.importing import import_backbone
from gner_core.backbones.load import load_model, load_tokenizer
from gner_core.config.backbone import BackboneParams
from tests.gner_core.conftest import backbone
from tests.gner_core.hub_server import HubServer, Repository, hub_server

COMMIT = Repository({}).commit
WEIGHTS = "model.safetensors"
CHILD = """
import json, sys
from pathlib import Path
from gner_core.backbones.importing import import_backbone
from gner_core.errors import InputError
from gner_core.config.backbone import BackboneParams

answers = []
for number, params in enumerate(json.load(sys.stdin)):
    folder = Path(sys.argv[1]) / f"model{number}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import_backbone(BackboneParams.model_validate(params), folder=folder,
                        texts=[])
        answers.append("")
    except InputError as error:
        answers.append(str(error))
print(json.dumps(answers))
"""


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with hub_server() as running:
        yield running


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a tiny random model, and one that must stay where it is."""
    folder = tmp_path_factory.mktemp("tiny")
    import_backbone(backbone("decoder_only"), folder=folder, texts=["Ada slept."])
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    return {**files, "pytorch_model.bin": b"a pickle"}


def of_hub(repo: str, *, revision: str = COMMIT) -> dict[str, Any]:
    source = {"kind": "hub", "repo": repo, "revision": revision}
    return {**backbone("decoder_only").model_dump(mode="json"), "source": source}


def import_all(hub: HubServer, tmp_path: Path, *models: dict[str, Any]) -> list[str]:
    """Import each model into `model<number>`; return "" or the message for each."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        input=json.dumps(models),
        env={**os.environ, **hub.environment(str(tmp_path / "home"))},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    answers: list[str] = json.loads(done.stdout)
    return answers


def test_models_by_id_and_faults_of_the_hub(
    hub: HubServer, tmp_path: Path, model: dict[str, bytes]
) -> None:
    weights = model[WEIGHTS]
    index = json.dumps({"weight_map": {"a": "model-1-of-2.safetensors", "b": WEIGHTS}}).encode()
    flipped = weights[:-1] + bytes([weights[-1] ^ 1])
    hub.repositories = {
        "models/us/tiny": Repository(model),
        "models/us/gated": Repository(model, gated=True),
        "models/us/cut": Repository(model, broken={WEIGHTS: weights[:-100]}),
        "models/us/wrong": Repository(model, broken={WEIGHTS: flipped}),
        "models/us/published-broken": Repository({**model, WEIGHTS: weights[:-100]}),
        "models/us/shards": Repository({**model, "model.safetensors.index.json": index}),
        "models/us/pickled": Repository({"config.json": b"{}", "pytorch_model.bin": b"x"}),
    }
    cases = [
        (of_hub("us/tiny"), ""),
        (of_hub("us/tiny", revision=COMMIT[:7]), ""),
        (of_hub("us/tiny", revision="f" * 40), "us/tiny at ffff.*: no such revision"),
        (of_hub("us/none"), "us/none at 0123.*: no such repository"),
        (of_hub("us/gated"), "us/gated at 0123.*: the repository is gated; .* set HF_TOKEN"),
        (of_hub("us/cut"), "us/cut at 0123.*: .*file should be of size"),
        (of_hub("us/wrong"), f"us/wrong at 0123.*, file {WEIGHTS}: wrong checksum"),
        (of_hub("us/wrong"), ""),  # sent right this time: the damaged file was not trusted
        (of_hub("us/published-broken"), f"{WEIGHTS}: broken weights"),
        (of_hub("us/shards"), "lacks the weights model-1-of-2.safetensors"),
        (of_hub("us/pickled"), "pytorch_model.bin: not read: damaged, or more than weights"),
    ]
    said = import_all(hub, tmp_path, *[params for params, _ in cases])
    for line, (_, reason) in zip(said, cases, strict=True):
        assert "\n" not in line
        assert re.search(reason, line) if reason else line == ""
    imported = {file.name: file.read_bytes() for file in (tmp_path / "model0").iterdir()}
    assert imported == {name: body for name, body in model.items() if name != "pytorch_model.bin"}
    params = BackboneParams.model_validate(cases[0][0])
    assert load_model(tmp_path / "model0", params, dtype="float32").num_parameters() > 0
    assert load_tokenizer(tmp_path / "model0").decode([5])
    assert {path for _, path, _ in hub.asked if path.endswith(".bin")} == {
        f"{where}us/pickled{at}/pytorch_model.bin"
        for where, at in (("", f"/resolve/{COMMIT}"), ("cdn/models/", ""))
    }  # where there are safetensors, pickles stay where they are
    failed = [number for number, (_, reason) in enumerate(cases) if reason]
    assert not [file for number in failed for file in (tmp_path / f"model{number}").iterdir()]
