"""`gner push`: the card of a checkpoint, and its upload through the real client to a hub on loopback."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from gner_core.reports.card.facts import CARD
from tasks.checkpoints.card import facts_in
from tests.flows.conftest import GNER, Home, files_holding
from tests.gner_core.hub_server import TOKEN, HubServer, Repository, front_matter_faults, hub_server


@pytest.fixture(scope="module")
def checkpoint(tiny_home: Home) -> Path:
    """The last checkpoint of the run of params/tiny.yaml."""
    folders = (tiny_home.folder / "store" / "train").iterdir()
    return next(
        one
        for one in folders
        if json.loads((one / "manifest.json").read_text())["title"] == "finetuning"
    )


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with hub_server() as running:
        yield running


def test_a_training_is_published_with_a_card(checkpoint: Path) -> None:
    text = (checkpoint / CARD).read_text()
    card = ModelCard(text, ignore_metadata_errors=False)
    assert front_matter_faults(text) == []
    assert card.data.license == "unknown"
    assert card.data.library_name == "transformers"
    assert card.data.eval_results is None
    facts = facts_in(checkpoint)
    assert facts.stages is not None
    assert [stage.name for stage in facts.stages] == ["adaptation", "finetuning"]
    last = facts.stages[1]
    assert last.key == checkpoint.name
    assert {(one.name, one.sentences, one.licence) for one in last.corpora} == {
        ("news", 12, "CC0-1.0"),
        ("sports", 12, "CC0-1.0"),
    }
    assert "| news | 12 |" in card.text
    assert "*athlete*" in card.text
    assert "None were known when this card was written." in card.text


def test_what_is_published_with_it_is_in_the_manifest_and_not_in_its_identity(
    checkpoint: Path, tiny_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.checkpoints.identity import published
    from tasks.paths import open_store

    monkeypatch.setenv("GNER_HOME", str(tiny_home.folder))
    from gner_core.store.artifacts import ArtifactRef

    found = published(ArtifactRef("train", checkpoint.name), open_store())
    assert CARD in json.loads((checkpoint / "manifest.json").read_text())["files"]
    assert CARD not in found.step.files


def test_a_dry_run_shows_card_and_files_and_changes_nothing(
    checkpoint: Path, tiny_home: Home
) -> None:
    before = {file.name: file.read_bytes() for file in checkpoint.iterdir()}
    done = tiny_home.gner("push", checkpoint.name, "us/tiny-gner", "--dry-run", "--licence", "mit")
    assert done.code == 0, done.err
    card, _, rest = done.out.partition("to        us/tiny-gner (private)")
    read = ModelCard(card, ignore_metadata_errors=False)
    assert front_matter_faults(str(read)) == []
    assert read.data.license == "mit"
    scored = {(one.dataset_config, one.dataset_name) for one in read.data.eval_results}
    assert scored == {("supervised", "news"), ("supervised", "sports")}
    (one, *_) = (one for one in read.data.eval_results if one.metric_type == "f1")
    assert "95 % interval" in one.metric_name
    named = [line.split()[1] for line in rest.splitlines() if line.startswith("file")]
    assert {"config.json", "gner.json", "model.safetensors", "tokenizer.json", CARD} <= {*named}
    assert not {"manifest.json", "worker.log", "summary.json", "metrics.jsonl"} & {*named}
    assert "dry run: nothing was sent" in rest
    assert before == {file.name: file.read_bytes() for file in checkpoint.iterdir()}


def test_the_published_folder_is_one_of_plain_transformers(checkpoint: Path) -> None:
    """By the very lines of the card."""
    lines = (checkpoint / CARD).read_text().split("```python\n")[2].partition("```")[0]
    assert "AutoModelForSeq2SeqLM" in lines
    printed: list[str] = []
    names = {"print": printed.append}
    exec(lines.replace("path/to/this/folder", str(checkpoint)), names)
    assert isinstance(printed[0], str)
    model = AutoModelForSeq2SeqLM.from_pretrained(checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    assert model.config.vocab_size >= len(tokenizer)


def on_hub(
    home: Home, hub: HubServer, *arguments: str, token: str | None = TOKEN
) -> subprocess.CompletedProcess[str]:
    """Run in a process of its own: the client reads HF_ENDPOINT when it is imported."""
    environment = {**home.environment(), **hub.environment(str(home.folder / "hf"))}
    environment.pop("HF_TOKEN")
    return subprocess.run(
        [*GNER, *arguments],
        cwd=home.root,
        env={**environment, **({"HF_TOKEN": token} if token else {})},
        input="Ada Lovelace flew to Rome.\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.mark.slow
def test_a_checkpoint_goes_to_the_hub_and_comes_back(
    checkpoint: Path, tiny_home: Home, hub: HubServer
) -> None:
    name = "models/us/tiny-gner"
    refused = on_hub(tiny_home, hub, "push", checkpoint.name, "us/tiny-gner", token=None)
    assert (refused.returncode, hub.repositories) == (2, {})
    assert "us/tiny-gner" in refused.stdout
    assert "no token of the hub: set HF_TOKEN" in refused.stderr
    wrong = on_hub(tiny_home, hub, "push", checkpoint.name, "us/tiny-gner", token="hf_wrong")
    assert "the hub does not accept the token" in wrong.stderr
    assert "hf_wrong" not in wrong.stderr + wrong.stdout
    done = on_hub(tiny_home, hub, "push", checkpoint.name, "us/tiny-gner")
    assert done.returncode == 0, done.stderr
    there = hub.repositories[name]
    assert there.private
    assert there.files["model.safetensors"] == (checkpoint / "model.safetensors").read_bytes()
    assert front_matter_faults(there.files[CARD].decode()) == []
    assert TOKEN not in done.stdout + done.stderr
    assert not files_holding(tiny_home.folder, [TOKEN])
    assert f"/us/tiny-gner/commit/{Repository({}).commit}" in done.stdout
    there.files["model-00001-of-00002.safetensors"] = b"of an earlier upload"
    again = on_hub(tiny_home, hub, "push", checkpoint.name, "us/tiny-gner")
    assert "deleted   model-00001-of-00002.safetensors" in again.stdout
    assert "model-00001-of-00002.safetensors" not in there.files
    there.private = False
    public = on_hub(tiny_home, hub, "push", checkpoint.name, "us/tiny-gner")
    assert public.returncode == 2
    assert "us/tiny-gner: is public already; add --public" in public.stderr
    types = ("--types", "person", "--format", "json")
    used = on_hub(tiny_home, hub, "predict", "us/tiny-gner", "-", *types)
    assert used.returncode == 0, used.stderr
    assert json.loads(used.stdout)["text"] == "Ada Lovelace flew to Rome."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{key}", "tiny"], "tiny: not the name of a repository; give OWNER/NAME"),
        (["{key}", "us/tiny", "--licence", "My Licence"], "not an identifier of the hub"),
        (["nothing", "us/tiny"], "neither a folder nor a checkpoint"),
        (["params/models/tiny-t5.yaml", "us/tiny"], "gner did not train it"),
    ],
)
def test_bad_input_is_one_line(
    checkpoint: Path, tiny_home: Home, arguments: list[str], message: str
) -> None:
    given = [one.format(key=checkpoint.name) for one in arguments]
    done = tiny_home.gner("push", *given)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_checkpoint_without_a_known_training_says_so(
    checkpoint: Path, own_home: Home, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in checkpoint.iterdir():
        if file.name not in {CARD, "manifest.json"}:
            (folder / file.name).write_bytes(file.read_bytes())
    done = own_home.gner("push", str(folder), "us/copy", "--dry-run")
    assert done.code == 0, done.err
    assert "Not known: this checkpoint was trained before cards" in done.out
    assert "note      its training data is not known, so the card names none" in done.out
    scores = ModelCard(done.out, ignore_metadata_errors=False).data.eval_results
    assert scores is None or len(scores) == 6  # by content, it is the one that was tested
